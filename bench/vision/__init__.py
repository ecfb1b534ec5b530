"""Vision transformers with FFFs inside, in the shapes of arXiv:2308.14711, table 3."""
