"""When each step of a request began, for the log or as OpenTelemetry spans."""
