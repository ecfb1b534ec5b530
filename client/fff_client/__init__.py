"""A client for fff-serve."""
