"""Vision transformers measured: the paper's table, and what is served against what is offline."""
