"""What a load test needs around it: a service of its own, data, options, the machine."""
