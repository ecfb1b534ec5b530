"""
Stores on object storage and on a model hub, by fsspec: read only, through a cache on this machine.

`fsspec` and what it needs are optional, and imported only where a remote store is opened.
"""
