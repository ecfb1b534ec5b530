import json

import numpy as np
import pytest

from fff.weights import Weights
from model_store.errors import ManifestInvalid
from model_store.manifest import FFFManifest, Uint8Scaling, parse_manifest
from model_store.publishing import draft_of
from tests.fff.networks import dense, tree

VALID = {
    "schema_version": 1,
    "kind": "fff",
    "input_width": 6,
    "output_width": 4,
    "depth": 2,
    "leaf_width": 3,
    "activation": "relu",
    "sha256": "0" * 64,
    "origin": {"how": "import", "format": "efff", "sha256": "1" * 64},
}


def parse(**changes: object) -> FFFManifest:
    manifest = parse_manifest(json.dumps(VALID | changes).encode(), "here")
    assert isinstance(manifest, FFFManifest)
    return manifest


def test_a_manifest_says_what_it_leaves_out() -> None:
    manifest = parse()

    assert (manifest.tie, manifest.leaf_output_bias, manifest.dtype) == ("ge", True, "float32")
    assert (manifest.master_width, manifest.leaves, manifest.uint8) == (0, 4, None)


TARGET = {"name": "height", "mean": 500.0, "deviation": 160.0, "tolerance": 8.0}


def test_columns_and_targets_say_what_numbers_mean() -> None:
    colour = {"type": "category", "name": "colour", "values": list("abcd")}
    numbers = [{"type": "number", "name": name} for name in "xy"]
    manifest = parse(inputs=[colour, *numbers])

    assert [column.width for column in manifest.inputs or []] == [4, 1, 1]
    assert manifest.task == "classification"
    values = parse(targets=[TARGET | {"name": name, "unit": "m"} for name in "abcd"])
    assert values.task == "regression"


def test_a_manifest_that_has_encoded_rows_is_still_the_same() -> None:
    columns = [{"type": "number", "name": name} for name in "uvwxyz"]
    used, other = parse(inputs=columns), parse(inputs=columns)

    assert used.encoder is not None
    assert used.encoder.rows([dict.fromkeys("uvwxyz", 0.5)]).tolist() == [[0.5] * 6]
    assert used == other
    assert used.model_dump_json() == other.model_dump_json()
    assert parse().encoder is None


WRONG: dict[str, tuple[dict[str, object], str]] = {  # what the message says, by what is put in
    "unknown-field": ({"depht": 2}, "fff.depht: Extra inputs are not permitted"),
    "unknown-kind": ({"kind": "moe"}, "manifest: .*'fff', 'dense'"),
    "other-schema": ({"schema_version": 2}, "schema_version: Input should be 1"),
    "text-for-number": ({"depth": "2"}, "depth: Input should be a valid integer"),
    "bool-for-number": ({"input_width": True}, "input_width: Input should be a valid integer"),
    "fraction-for-number": ({"leaf_width": 2.5}, "leaf_width: "),
    "zero-width": ({"output_width": 0}, "output_width: .* greater than or equal to 1"),
    "negative-depth": ({"depth": -1}, "depth: .* greater than or equal to 0"),
    "huge-depth": ({"depth": 25}, "depth: .* less than or equal to 24"),
    "unknown-activation": ({"activation": "swish"}, "activation: .*one of elu.*got 'swish'"),
    "other-dtype": ({"dtype": "float16"}, "dtype: Input should be 'float32'"),
    "unknown-tie": ({"tie": "left"}, "tie: Input should be 'ge' or 'gt'"),
    "short-hash": ({"sha256": "0" * 63}, "sha256: String should match pattern"),
    "hash-and-newline": ({"sha256": "0" * 64 + "\n"}, "sha256: String should match pattern"),
    "path-as-baseline": ({"baseline": "../dense"}, "baseline: String should match pattern"),
    "unknown-origin": ({"origin": {"how": "found"}}, "origin: .*'import', 'module', 'training'"),
    "nan-scale": ({"uint8": {"scale": float("nan"), "shift": 0.0}}, "uint8.scale: .*finite"),
    "half-a-scale": ({"uint8": {"scale": 1.0}}, "uint8.shift: Field required"),
    "two-layers": ({"reference_leaf_rows": [[1] * 4] * 2}, "one layer of 4 counts.*of .4, 4."),
    "few-counts": ({"reference_leaf_rows": [[1, 2, 3]]}, "one layer of 4 counts, got layers of .3"),
    "few-columns": ({"inputs": [{"type": "number", "name": "x"}]}, "make 6 numbers, they make 1"),
    "unknown-column": ({"inputs": [{"type": "date", "name": "x"}]}, "inputs.*'number', 'category'"),
    "flat-column": ({"inputs": [{"type": "number", "name": "x", "scale": 0.0}]}, "must not be 0"),
    "same-columns": ({"inputs": [{"type": "number", "name": "x"}] * 6}, "inputs must differ.*'x'"),
    "same-values": (
        {"inputs": [{"type": "category", "name": "x", "values": list("aabcde")}]},
        "values of column 'x' must differ, got 'a' twice",
    ),
    "few-targets": ({"targets": [TARGET]}, "targets must be 4, got 1"),
    "same-classes": ({"classes": list("aabc")}, "names of classes must differ, got 'a' twice"),
    "few-classes": ({"classes": list("abc")}, "classes must be 4, got 3"),
    "targets-and-classes": (
        {"targets": [TARGET | {"name": name} for name in "abcd"], "classes": list("abcd")},
        "not both",
    ),
    "negative-count": ({"reference_leaf_rows": [[1, 2, 3, -4]]}, "greater than or equal to 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_field_is_named(case: str) -> None:
    changes, message = WRONG[case]

    with pytest.raises(ManifestInvalid, match=f"^here: .*{message}"):
        parse(**changes)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_text_that_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="^here: "):
        parse_manifest(text, "here")


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(ManifestInvalid, match="(?s)input_width.*; .*leaf_width"):
        parse(input_width=0, leaf_width=0)


@pytest.mark.parametrize("weights", [tree(6, 2, 3, 4, m=5), tree(6, 0, 3, 4), dense(6, 7, 4)])
def test_a_new_manifest_reads_back_as_it_was_written(weights: Weights) -> None:
    origin = {"how": "training", "recipe": {"lr": 0.2}, "seed": 1, "metrics": {"hard": 0.9}}
    scaling = Uint8Scaling(scale=2 / 255, shift=-1.0)

    manifest = draft_of(weights, {"origin": origin, "uint8": scaling})

    assert parse_manifest(manifest.model_dump_json().encode(), "here") == manifest


def test_a_new_manifest_with_a_wrong_field_names_it() -> None:
    with pytest.raises(ManifestInvalid, match="origin: Field required"):
        draft_of(dense(6, 7, 4), {})


def test_pixels_are_scaled_with_one_rounding() -> None:
    """The common `(pixel / 255 - 0.5) / 0.5`, exact in float64, then float32."""
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 128)

    decoded = Uint8Scaling(scale=2 / 255, shift=-1.0).decode(pixels)

    expected = (pixels.astype(np.float64) * (2 / 255) - 1).astype(np.float32)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, expected)
    assert (decoded[0, 0], decoded[1, -1]) == (-1.0, 1.0)
