"""The request path against floors, hand-written servers and peers: `python -m bench.http`."""
