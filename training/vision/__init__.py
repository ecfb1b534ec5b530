"""
Vision transformers: a dense one, and one whose feedforward layers are FFFs that learnt from it.

Covered:      recipe, training, publishing; baselines of other widths.
Not covered:  what is served (`networks`), images (`evaluation.datasets`).
"""
