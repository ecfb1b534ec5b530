import pytest

from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import RECIPES, recipe_by_name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_repeated_from_the_fields_a_manifest_keeps(name: str) -> None:
    recipe = recipe_by_name(name)

    assert Recipe(**recipe.fields()) == recipe  # type: ignore[arg-type]
    assert recipe.name == name


def test_an_override_reads_text_as_the_field_s_type() -> None:
    changed = recipe_by_name("digits").override(
        {"depth": "3", "learning_rate": "1e-3", "activation": "relu", "hardening": 2}
    )

    assert (changed.depth, changed.learning_rate, changed.activation) == (3, 1e-3, "relu")
    assert isinstance(changed.hardening, float)
    assert changed.leaf_width == recipe_by_name("digits").leaf_width


REFUSED = {  # changed fields, and the message that refuses them
    "unknown-field": ({"depht": 3}, "no field 'depht'; it has: activation, .*depth"),
    "renaming": ({"name": "mine"}, "no field 'name'"),
    "text-for-int": ({"depth": "deep"}, "depth must be int, got 'deep'"),
    "fraction-for-int": ({"epochs": 2.5}, "epochs must be int, got 2.5"),
    "bool-for-int": ({"epochs": True}, "epochs must be int, got True"),
    "number-for-text": ({"activation": 3}, "activation must be str, got 3"),
    "unknown-activation": ({"activation": "swish"}, "one of .*relu.*; got 'swish'"),
    "unknown-optimiser": ({"optimiser": "lion"}, "optimiser must be one of adamw, sgd; got 'lion'"),
    "negative": ({"depth": -1}, "depth must be 0 to 12, got -1"),
    "too-deep": ({"depth": "13"}, "depth must be 0 to 12, got 13"),
    "not-a-number": ({"hardening": "nan"}, "hardening must be 0 to 1000, got nan"),
    "roles-swapped": ({"region_leak": 0.6}, "region_leak must be 0 to 0.5, got 0.6"),
    "leaking-gate": ({"region_leak": 0.1, "gate": "smooth_step"}, "region_leak is for .* sigmoid"),
    "leaking-while-it-cools": ({"region_leak": 0.1, "final_temperature": 0.5}, "final_temper.* 1"),
    "leaking-competitors": ({"region_leak": 0.1, "competing_share": 0.5}, "competing_share 0"),
    "unheard-teacher": ({"teacher": "mlp"}, "teacher_weight must be above 0 .*'mlp'; got 0"),
    "cycle-in-two-parts": (
        {"schedule": "one_cycle"},
        "second_epochs must be 0 .* one_cycle, got 100",
    ),
    "more-than-all": (
        {"competing_share": 0.7, "frozen_share": 0.4},
        "competing_share and frozen_share must be at most 1 together, got 0.7 and 0.4",
    ),
    "more-than-there-are": ({"experts": 2, "top_k": 3}, "top_k must be at most the 2 experts"),
    "blind": ({"uint8_scale": 0.0}, "uint8_scale must not be 0"),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED)
def test_a_field_or_value_that_no_recipe_has_is_refused(
    values: dict[str, str | int | float], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_by_name("efff-paper").override(values)


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="one of ours, fff-paper, .*; got 'cifar'"):
        recipe_by_name("cifar")


def test_hardening_rises_to_its_weight_over_the_ramp_and_stays() -> None:
    recipe = recipe_by_name("digits").override({"hardening": 10, "hardening_ramp_epochs": 4})

    assert [recipe.hardening_at(epoch) for epoch in range(1, 7)] == [2.5, 5, 7.5, 10, 10, 10]
    assert recipe.override({"hardening_ramp_epochs": 0}).hardening_at(1) == 10


def test_the_temperature_falls_until_routing_is_frozen_and_stays() -> None:
    recipe = recipe_by_name("ours").override(
        {"temperature": 4, "final_temperature": 1, "competing_share": 0.25, "frozen_share": 0.5}
    )

    assert [recipe.temperature_at(share) for share in (0, 0.25, 0.5, 1)] == [4, 2, 1, 1]
    assert [recipe.is_competing(share) for share in (0.2, 0.25, 0.4)] == [False, True, True]
    assert [recipe.is_frozen(share) for share in (0.4, 0.5, 1)] == [False, True, True]


def test_one_cycle_warms_up_for_a_tenth_and_cools_down_to_nothing() -> None:
    recipe = recipe_by_name("ours").override({"learning_rate": 1})
    rates = [recipe.learning_rate_at(share / 100) for share in range(101)]

    assert rates[0] == pytest.approx(1 / 25)
    assert rates.index(max(rates)) == 10
    assert max(rates) == pytest.approx(1)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_the_second_part_has_weights_of_its_own() -> None:
    recipe = recipe_by_name("efff-paper").override({"epochs": 2})

    assert [recipe.hardening_at(epoch) for epoch in (1, 2, 3)] == [1, 1, 3]
    assert [recipe.load_balance_at(epoch) for epoch in (1, 2, 3)] == [1, 1, 0]


def test_the_paper_s_recipe_has_the_paper_s_training_width() -> None:
    assert recipe_by_name("fff-paper").training_width == 128
