"""Bytes to rows and answers to bytes, whatever carries them."""
