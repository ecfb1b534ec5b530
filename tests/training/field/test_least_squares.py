"""Networks are fitted each to its own rows, whoever they are batched with."""

import pytest
import torch

from fff.activations import activation_by_name
from fff.torch_threads import torch_threads
from training.field.least_squares import Networks, Problem, fit


def problem(networks: Networks, leaves: int, rows: int, seed: int = 0) -> Problem:
    """Rows that some networks of this shape answer exactly."""
    generator = torch.Generator().manual_seed(seed)
    truth = networks.draw(leaves, generator)
    x = 2 * torch.rand(leaves, rows, 2, generator=generator) - 1
    return Problem(x, networks.outputs(truth, x), torch.ones(leaves, rows))


NONE = Problem(torch.zeros(3, 0, 2), torch.zeros(3, 0, 2), torch.zeros(3, 0))


def run(
    networks: Networks, of: Problem, held_out: Problem = NONE, **changes: float
) -> torch.Tensor:
    start = networks.draw(len(of.x), torch.Generator().manual_seed(1))
    settings = {"ridge": 1e-6, "iterations": 60, "patience": 60} | changes
    with torch_threads(1):
        return fit(networks, of, held_out, start, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [5, 200], ids=["fewer-rows-than-unknowns", "more"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_a_network_learns_what_one_of_its_shape_can_say(rows, activation):
    networks = Networks(2, 4, 2, activation_by_name(activation))
    given = problem(networks, 3, rows)

    found = run(networks, given)

    spread = given.y.var(1).mean()
    assert (networks.outputs(found, given.x) - given.y).square().mean() < 0.1 * spread


def test_a_step_by_rows_is_the_step_by_unknowns():
    """With rows of weight 0 added until there are more than unknowns, the other way is taken."""
    networks = Networks(2, 4, 2, torch.tanh)
    given = problem(networks, 3, 5)
    padded = Problem(
        torch.nn.functional.pad(given.x, (0, 0, 0, 40)),
        torch.nn.functional.pad(given.y, (0, 0, 0, 40)),
        torch.nn.functional.pad(given.weight, (0, 40)),
    )

    torch.testing.assert_close(
        run(networks, given, iterations=1, ridge=0.1),
        run(networks, padded, iterations=1, ridge=0.1),
        rtol=1e-3,
        atol=1e-4,
    )


def test_of_all_steps_the_best_on_held_out_rows_is_kept():
    networks = Networks(2, 8, 2, torch.relu)
    learnt = problem(networks, 3, 6)
    noise = torch.Generator().manual_seed(5)
    judged = Problem(learnt.x, torch.randn(3, 6, 2, generator=noise), learnt.weight)
    start = networks.draw(3, torch.Generator().manual_seed(1))

    def error(unknowns: torch.Tensor) -> float:
        return float((networks.outputs(unknowns, judged.x) - judged.y).square().sum())

    found = run(networks, learnt, judged, patience=1)

    assert error(found) <= error(start)
    assert error(run(networks, learnt)) > error(found)


def test_outputs_change_as_the_slopes_say():
    networks = Networks(2, 3, 2, activation_by_name("gelu"))
    given = problem(networks, 3, 7)
    at = networks.draw(3, torch.Generator().manual_seed(2))
    moved = 1e-3 * torch.randn(at.shape, generator=torch.Generator().manual_seed(3))

    outputs, slopes = networks.linearised(at, given.x)

    expected = outputs + (slopes @ moved[:, None, :, None])[..., 0]
    torch.testing.assert_close(networks.outputs(at + moved, given.x), expected, atol=1e-4, rtol=0)
