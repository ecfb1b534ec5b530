"""Leaves out, in an ordinary run, what `test_kernels.py` runs in processes of their own."""

from tests.fff.kernels.gpu.device import EITHER

collect_ignore = [] if EITHER else ["test_cases.py", "test_groups.py"]
