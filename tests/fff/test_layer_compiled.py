"""A model with layers inside is compiled and exported, and computes what it computed before."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fff import FFF
from tests.fff.networks import rows


class Block(nn.Module):
    """A transformer's feedforward half: `x + fff(norm(x))`."""

    def __init__(self, width: int, master: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fff = FFF(width, width, 2, 3, "gelu", master_width=master)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` to the same."""
        y: Tensor = x + self.fff(self.norm(x))
        return y


@pytest.fixture
def model() -> nn.Sequential:
    return nn.Sequential(Block(8, 0), Block(8, 2)).eval()


def tokens(n: int) -> Tensor:
    return rows(n * 5, 8).view(n, 5, 8)


def gradients(compute: Callable[[Tensor], Tensor], model: nn.Module, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    compute(x).square().sum().backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own
def test_compiled_it_answers_and_notices_what_it_learnt(model: nn.Sequential) -> None:
    compiled, x = torch.compile(model), tokens(4)

    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))
    model(x).square().sum().backward()
    torch.optim.AdamW(model.parameters(), lr=0.1, fused=True).step()
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))


def test_exported_it_answers_any_number_of_rows(model: nn.Sequential) -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (tokens(4),), dynamic_shapes=({0: batch},))

    assert [str(node.target) for node in program.graph.nodes].count("fff.hard_descent.default") == 2
    for n in (1, 4, 7):
        torch.testing.assert_close(program.module()(tokens(n)), model(tokens(n)))


@pytest.mark.parametrize("training", [False, True], ids=["hard", "soft"])
def test_it_learns_compiled_in_one_piece(training: bool) -> None:
    """By the backend that generates no code, which is what takes long."""
    layer, x = FFF(6, 4, 2, 3, "gelu", master_width=2).train(training), rows(9, 6)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)

    learnt, plain = gradients(compiled, layer, x), gradients(layer, layer, x)

    for mine, theirs in zip(learnt, plain, strict=True):
        torch.testing.assert_close(mine, theirs)
