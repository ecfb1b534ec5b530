"""
Data sets, a model's accuracy and leaf use on them, and two models compared.

The service never imports it; only `fff-serve` commands do.
"""
