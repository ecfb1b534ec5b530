"""A layer a million neurons wide: `python -m bench.million`."""
