"""Measurements: kernels in process, the request path over HTTP."""
