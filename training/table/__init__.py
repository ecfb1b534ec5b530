"""
Trees grown by what is to be predicted, over leaves that learn together: for rows of a table.

The tree stands still while leaves and a master leaf, which every row has, are trained as they are
served: a row by one leaf.
"""
