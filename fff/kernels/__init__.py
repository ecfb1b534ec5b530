"""Implementations of hard-descent inference, one a file, each tested against `fff.reference`."""
