"""Public tables that others have published results on, from packages that ship them."""
