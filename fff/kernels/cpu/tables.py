"""
Tables of numbers and addresses for compiled code: int64 arrays, a field is a byte offset.

One integer then carries a whole model into a call; a dozen arguments would cost a microsecond.

Covered:      the fields of a model, a node, a job and the job slot, and two sizes of work.
Not covered:  filling them: `layout` a model, `backend` and `jobs` a job, `threads` the slot.
"""

# A model: a tree with its leaves, or a dense network as a tree of depth 0.
(IN, OUT, DEPTH, NEURONS, H_COLUMNS, Y_COLUMNS, ITEM_BYTES, NARROW) = range(0, 64, 8)
(NODES, NODE_STATS, RECORDS, RECORD_BYTES, B2, W1, W2) = range(64, 120, 8)
(ACTIVATION, TIE_GE, ROUTE, SORT, COMPUTE, WORK, NODE_RECORDS) = range(120, 176, 8)
(TREES,) = (176,)  # of an FFF-beta (`beta_layout`); an FFF has one
MODEL_FIELDS = 23

# A node's numbers, float64: its bound is `x_norm * BOUND_SLOPE + BOUND_CONSTANT`.
(BOUND_SLOPE, BOUND_CONSTANT, INVERSE_NORM, BIAS) = range(0, 32, 8)
STAT_BYTES = 32

# A job: one batch. Counters, which all threads write, have cache lines of their own.
(ROWS, X, LOGITS, LEAF, MARGIN, ORDER, UNITS, SCRATCH) = range(0, 64, 8)
(SCRATCH_BYTES, TERMS, RECHECKED, UNIT_COUNT) = range(64, 96, 8)
(NEXT_CHUNK, ROUTED, NEXT_UNIT, DONE) = range(128, 384, 64)
JOB_FIELDS = 48

# The slot where helper threads look for a job: its sequence number is odd while it holds one.
(SEQUENCE, MODEL, JOB, ASLEEP) = range(0, 32, 8)
(CPU,) = (32,)  # the caller's processor
HELPERS_INSIDE = 64  # threads that read the job now
CPUS = 128  # the mask of those that this process may use
SLOT_FIELDS = 32

CHUNK_ROWS = 16
"""Rows that one thread routes at a time."""
UNIT_ROWS = 24
"""Most rows of a unit: four full tiles; with more, one popular leaf would occupy one thread."""
