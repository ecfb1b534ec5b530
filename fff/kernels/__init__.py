"""Implementations of hard-descent inference, each tested against `fff.reference`."""
