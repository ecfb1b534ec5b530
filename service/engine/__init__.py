"""Models that are served: loading, admission, batching, computing, replacing."""
