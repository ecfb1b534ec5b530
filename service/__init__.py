"""The HTTP service: settings, metrics, batching and engine (floor 2), the web (floor 3)."""
