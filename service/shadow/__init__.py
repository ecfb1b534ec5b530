"""A sampled share of live rows on the dense twin too, in a process of its own."""
