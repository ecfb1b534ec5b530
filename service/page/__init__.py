"""The page at `/`: its files, and the document made of them."""
