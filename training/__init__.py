"""
Where checkpoints come from: recipes, the training loop, an FFF published beside its dense twin.

The service never imports it; only `fff-serve` commands do.
"""
