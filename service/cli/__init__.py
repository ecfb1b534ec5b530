"""The command line, `fff-serve`."""
