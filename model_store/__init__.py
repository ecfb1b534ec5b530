"""
Checkpoints on disk: what they say of themselves, how they are published, loaded and imported.

Floor 1 of the house. Nothing here executes what a file contains.
"""
