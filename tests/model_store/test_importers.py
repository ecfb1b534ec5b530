"""Foreign layouts become the same network as `FFFWeights`."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fff import reference
from model_store.errors import ImportRefused
from model_store.importers import import_checkpoint
from model_store.manifest import ImportOrigin
from model_store.store import Store
from tests.fff.networks import rows
from tests.model_store import foreign
from tests.model_store.foreign import State

LAYOUTS: dict[str, tuple[Callable[[], State], str]] = {
    "fastfeedforward": (foreign.fastfeedforward, "fastfeedforward"),
    "with-usage": (lambda: foreign.fastfeedforward(usage=True), "fastfeedforward"),
    "depth-0": (lambda: foreign.fastfeedforward(d=0), "fastfeedforward"),
    "load-balanced": (foreign.load_balanced, "efff"),
    "master-leaf": (foreign.master_leaf, "efff"),
}


def saved(state: object, tmp_path: Path) -> Path:
    torch.save(state, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_imported_layout_computes_what_its_authors_code_computes(
    layout: str, tmp_path: Path
) -> None:
    make, expected_format = LAYOUTS[layout]
    x, state = rows(40, 6), make()

    imported = import_checkpoint(saved(state, tmp_path))

    y = reference.infer(x, imported.weights).logits
    torch.testing.assert_close(y.double(), foreign.original_eval(state, x, True), rtol=0, atol=1e-5)
    assert imported.format == expected_format


def test_without_leaf_output_bias_it_is_fastfeedforward_0_2_1(tmp_path: Path) -> None:
    x, state = rows(40, 6), foreign.fastfeedforward()

    imported = import_checkpoint(saved(state, tmp_path), leaf_output_bias=False)

    y = reference.infer(x, imported.weights).logits.double()
    torch.testing.assert_close(y, foreign.original_eval(state, x, False), rtol=0, atol=1e-5)
    assert not torch.allclose(y, foreign.original_eval(state, x, True), atol=0.1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_safetensors_carry_the_same_layouts(layout: str, tmp_path: Path) -> None:
    state = LAYOUTS[layout][0]()
    save_file(state, tmp_path / "model.safetensors")

    imported = import_checkpoint(tmp_path / "model.safetensors").weights.tensors()

    pickled = import_checkpoint(saved(state, tmp_path)).weights.tensors()
    assert imported.keys() == pickled.keys()
    assert all(torch.equal(imported[name], t) for name, t in pickled.items())


def test_the_hash_is_the_files(tmp_path: Path) -> None:
    path = saved(foreign.fastfeedforward(), tmp_path)

    assert import_checkpoint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_float_dtypes_become_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {n: t if n == "depth" else t.to(dtype) for n, t in foreign.master_leaf().items()}

    weights = import_checkpoint(saved(state, tmp_path)).weights

    assert {t.dtype for t in weights.tensors().values()} == {torch.float32}
    assert torch.equal(weights.w1, state["w1s"].float())


@pytest.mark.parametrize("prefix", ["fff.", "module.net.0."])
def test_a_layer_that_is_all_of_a_larger_module_is_found(prefix: str, tmp_path: Path) -> None:
    state = {prefix + name: t for name, t in foreign.master_leaf().items()}

    assert import_checkpoint(saved(state, tmp_path)).weights.master_width == 5


def test_parameters_and_metadata_are_read_like_plain_tensors(tmp_path: Path) -> None:
    state = OrderedDict(
        (name, nn.Parameter(t, requires_grad=t.is_floating_point()))
        for name, t in foreign.fastfeedforward().items()
    )
    state._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]  # as state_dict() has

    weights = import_checkpoint(saved(state, tmp_path)).weights

    assert not any(t.requires_grad for t in weights.tensors().values())


def test_tensors_that_share_one_storage_can_be_published(tmp_path: Path) -> None:
    state = foreign.fastfeedforward(i=2, l=2, o=2)
    state["w2s"] = state["w1s"]

    imported = import_checkpoint(saved(state, tmp_path))

    origin = ImportOrigin(format=imported.format, sha256=imported.sha256)
    store = Store(tmp_path / "store")
    store.publish("tied", imported.weights, origin=origin)
    assert torch.equal(store.load("tied").weights.tensors()["w2"], state["w2s"])


def without(name: str) -> State:
    return {n: t for n, t in foreign.master_leaf().items() if n != name}


def replaced(name: str, tensor: Tensor) -> State:
    return foreign.master_leaf() | {name: tensor}


WRONG: dict[str, tuple[State, str]] = {
    "missing": (without("b2s"), "were expected, missing b2s"),
    "half-a-master": (without("magic_b1"), "missing magic_b1"),
    "other-network": ({"conv.weight": torch.ones(2)}, "were expected, got conv.weight"),
    "two-layers": (
        {f"{n}.node_weights": torch.ones(1, 2) for n in "ab"},
        "one FFF layer was expected, got 2: a.node_weights, b.node_weights",
    ),
    "more-layers": (
        replaced("head.weight", torch.ones(2)),
        "besides node_weights and its kin the file holds head.weight",
    ),
    "depth": (replaced("depth", torch.tensor(4)), "depth 4 was announced, but there are 7 nodes"),
    "depth-huge": (replaced("depth", torch.tensor(2**62)), f"depth {2**62} was announced"),
    "depth-float": (replaced("depth", torch.tensor(3.0)), "depth must be one integer"),
    "shape": (replaced("w1s", torch.ones(8, 5, 2)), r"node_weight must be \[7, 5\], got \[7, 6\]"),
    "leaves": (replaced("w1s", torch.ones(7, 6, 2)), "power of two, got 7"),
    "nan": (replaced("w2s", torch.full((8, 2, 4), torch.nan)), "w2s must be finite"),
    "too-large": (
        replaced("k", torch.tensor(1e300, dtype=torch.float64)),
        "k must be finite in float32",
    ),
    "integers": (replaced("b1s", torch.ones(8, 2).long()), "b1s must be float32.*got torch.int64"),
    "neurons": (
        {"ffn.linear_in.weight": torch.ones(3, 2), "ffn.linear_out.weight": torch.ones(2, 3)},
        "not supported yet: tree-of-neurons layer",
    ),
    "flat-neurons": ({"w1s": torch.ones(3, 2), "w2s": torch.ones(3, 2)}, "not supported yet"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_one_whole_layer_is_refused_by_name(case: str, tmp_path: Path) -> None:
    state, message = WRONG[case]

    with pytest.raises(ImportRefused, match=f"^model: .*{message}"):
        import_checkpoint(saved(state, tmp_path))


@pytest.mark.parametrize(
    ("state", "requested", "message"),
    [
        (foreign.fastfeedforward(), "efff", "efff was asked for; the file is fastfeedforward"),
        (foreign.load_balanced(), "fastfeedforward", "the file is efff, with f"),
        (foreign.load_balanced(), "ultrafastbert", "not supported yet: tree-of-neurons layer"),
        (foreign.load_balanced(), "onnx", "must be one of auto, fastfeedforward.*got 'onnx'"),
    ],
)
def test_a_requested_format_is_not_replaced(
    state: State, requested: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ImportRefused, match=message):
        import_checkpoint(saved(state, tmp_path), requested)


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="activation must be one of .* got 'swish'"):
        import_checkpoint(saved(foreign.fastfeedforward(), tmp_path), activation="swish")
