"""The page in a real browser, and its pictures for the README."""
