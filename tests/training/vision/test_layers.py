"""One feedforward layer that becomes an FFF: planted on tokens, then fitted to the answers."""

import pytest
import torch

from fff.objectives import hard_leaves
from tests.training.vision.toys import TOY
from training.errors import Diverged
from training.loop import repeatable
from training.vision.layer_fit import fit_layer
from training.vision.planting import plant
from training.vision.tokens import Tokens
from training.vision.transformer import GatedFFF


@pytest.fixture
def tokens() -> Tokens:
    """What a bend in one direction of six makes of tokens, and a line in another."""
    x = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0))
    return Tokens(x, torch.stack((3 * x[:, 0].relu(), x[:, 1]), 1))


def missed(layer: GatedFFF, tokens: Tokens) -> float:
    """Of the answers' variance, as the layer is served."""
    with torch.no_grad():
        error = (layer.hard(tokens.given).logits - tokens.answered).square().sum(1).mean()
    return float(error / tokens.answered.var(0).sum())


def test_a_planted_layer_answers_its_leaves_means_and_cuts_tokens_evenly(tokens):
    with repeatable(0):
        layer = GatedFFF(6, 2, 3, 2)
        plant(layer, tokens)
        layer.w2s.data.zero_()
    leaf = hard_leaves(layer.scores(tokens.given))
    counts = torch.bincount(leaf, minlength=8)
    assert counts.min() > 4000 / 8 / 4
    for number in range(8):
        torch.testing.assert_close(layer.b2s[number], tokens.answered[leaf == number].mean(0))
    assert layer.scores(tokens.given)[:, 0].std().item() == pytest.approx(1, abs=0.01)


def test_fitting_comes_nearer_to_the_answers_than_planting_as_it_is_served(tokens):
    recipe = TOY.override({"layer_steps": 60})
    with repeatable(0):
        planted, fitted = GatedFFF(6, 2, 3, 2), GatedFFF(6, 2, 3, 2)
        plant(planted, tokens)
        reached = fit_layer(fitted, tokens, recipe)
    assert missed(fitted, tokens) < 0.8 * missed(planted, tokens)
    assert missed(fitted, tokens) == pytest.approx(reached, rel=0.3)


def test_tokens_that_are_all_alike_go_somewhere_and_break_nothing():
    alike = Tokens(torch.ones(100, 6), torch.full((100, 2), 3.0))
    with repeatable(0):
        layer = GatedFFF(6, 2, 3, 2)
        plant(layer, alike)
        layer.w2s.data.zero_()
    torch.testing.assert_close(layer.hard(alike.given).logits, alike.answered)


def test_an_error_that_is_no_number_ends_the_training_with_the_usual_cure(tokens):
    broken = Tokens(tokens.given, tokens.answered * float("inf"))
    with pytest.raises(Diverged, match="lower layer_learning_rate than"), repeatable(0):
        fit_layer(GatedFFF(6, 2, 1, 2), broken, TOY.override({"layer_steps": 2}))
