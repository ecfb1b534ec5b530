"""
Where checkpoints come from: datasets, recipes, the training loop, honest evaluation.

Floor 1 of the house. The service never imports it; only `fff-serve` commands do.
"""
