"""
Fast Feedforward networks: what they compute, how to train them, and who runs them fast.

Floor 0 of the house. Needs torch alone; knows no files, no environment and no HTTP.
"""
