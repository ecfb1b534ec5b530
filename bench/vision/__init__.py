"""Vision transformers measured: what is served against what is computed offline."""
