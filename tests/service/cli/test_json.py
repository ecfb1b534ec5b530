"""`--json` prints one object on standard output and, where nobody looks, no progress beside it."""

import json

import torch

FEW = ["--set", "epochs=2", "--set", "hardening_ramp_epochs=0", "--set", "depth=1"]


def test_train_names_both_models_and_their_metrics(command, tmp_path):
    (tmp_path / "store").mkdir()
    ended = command(
        *("train", "digits", "--name", "mine", "--store", str(tmp_path / "store"), "--json"), *FEW
    )

    fff, dense = json.loads(ended.out)["models"]
    assert (ended.code, ended.err) == (0, "")
    assert (fff["name"], fff["kind"], fff["baseline"]) == ("mine", "fff", "mine-dense")
    assert (dense["name"], dense["kind"]) == ("mine-dense", "dense")
    assert 0 < fff["metrics"]["test_hard_accuracy"] < 1


def test_import_names_what_was_stored(command, tmp_path):
    (tmp_path / "store").mkdir()
    shapes = {"node_weights": (1, 4), "node_biases": (1, 1), "w1s": (2, 4, 3), "b1s": (2, 3)}
    tensors = {name: torch.rand(shape) for name, shape in shapes.items()}
    torch.save(tensors | {"w2s": torch.rand(2, 3, 5), "b2s": torch.rand(2, 5)}, tmp_path / "a.pt")

    ended = command(
        *("import", str(tmp_path / "a.pt"), "--name", "a", "--json"),
        *("--store", str(tmp_path / "store")),
    )

    entry = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert (entry["name"], entry["version"], entry["format"]) == ("a", 1, "fastfeedforward")
    assert [entry[key] for key in ("input_width", "output_width", "depth")] == [4, 5, 1]
