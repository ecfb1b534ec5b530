"""Serving frameworks that the request-path bench compares with, each run by a Python of its own."""
