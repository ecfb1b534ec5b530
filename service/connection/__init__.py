"""One HTTP connection: its bytes, its bounds, its time limits, what it is refused with."""
