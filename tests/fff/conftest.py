import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Initial weights, dropout and permutations repeat from run to run."""
    torch.manual_seed(0)
