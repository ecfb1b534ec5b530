"""What counting, and the shadow, take from a service's speed."""
