"""Fields of an HTTP cell, as other people's tools read them."""

HTTP_CELL = {
    *("server", "form", "rows", "connections", "requests_per_s", "rows_per_s"),
    *("p50_ms", "p99_ms", "cpu_ms_per_request", "errors"),
}
