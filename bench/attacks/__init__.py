"""Clients that mean harm, or stop midway, and what the others and the memory see of them."""
