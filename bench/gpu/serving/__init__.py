"""The service itself on a GPU: is it ready and right, what does it take, what does it survive."""
