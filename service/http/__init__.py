"""Requests and answers over HTTP: the fast path, the ASGI path, and FastAPI's routes."""
