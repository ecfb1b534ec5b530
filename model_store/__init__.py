"""
Checkpoints on disk: their manifests, how they are published, loaded and imported.

Nothing here executes what a file contains.
"""
