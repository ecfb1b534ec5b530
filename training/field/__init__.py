"""
Trees grown from data over leaves that learn alone: for functions of few inputs.

A tree that stands still makes each leaf a least-squares problem of its own, so all leaves are
solved at once, and training costs the same whatever their number.
"""
