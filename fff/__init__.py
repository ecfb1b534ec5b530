"""
Fast Feedforward networks: what they compute, how to train them, and which code runs them fast.

The lowest package: needs torch alone; knows no files, no environment and no HTTP.
"""
