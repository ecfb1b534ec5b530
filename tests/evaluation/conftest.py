"""Evaluation is tried on the networks that the tests of training train."""

from tests.training.conftest import demo, digits_data, toy_pair

__all__ = ["demo", "digits_data", "toy_pair"]
