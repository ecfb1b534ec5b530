"""What is counted and measured, and its Prometheus series."""
