"""Answers about rows beyond their logits: comparison and explanation."""
