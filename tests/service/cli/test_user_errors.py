"""
A user's mistake, of many kinds: one line on standard error, no traceback, the documented code.

Not covered:  mistakes that `serve` finds once it runs, and what the system does to a command
              (`test_processes`).
"""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.evaluation.image_files import write_class_folders
from tests.service import toys

DATA = Path(__file__).resolve().parents[3] / "loadtest" / "data"
IMAGES, LABELS = DATA / "digits-images.idx3-ubyte.gz", DATA / "digits-labels.idx1-ubyte.gz"
LABELLED = f"--images {IMAGES} --labels {LABELS}"
SCALED = "--uint8-scale 1 --uint8-shift 0"

MISTAKES = {  # the command line: {} is a folder of files; the exit code; what the line names
    "unknown command": ("lst", 2, "'lst'. Did you mean 'list'?"),
    "unknown option": ("list --stor x", 2, "--stor"),
    "unknown option of all": ("--colour list", 2, "--colour"),
    "missing argument": ("show", 2, "'NAME'. See fff-serve show --help"),
    "missing option": ("import x", 2, "'--name'"),
    "missing value": ("show digits --version", 2, "--version"),
    "one argument too many": ("show digits more", 2, "more"),
    "not a choice": ("import x --name x --format onnx", 2, "'onnx' is not one of 'auto'"),
    "not an activation": ("import x --name x --activation swish", 2, "gelu, gelu_tanh"),
    "not a number": ("compare digits --threads many", 2, "'many'"),
    "number out of range": ("compare digits --threads 0", 2, "'--threads': "),
    "seed out of range": ("train digits --name x --seed 9999999999999", 2, "9999999999999"),
    "half a scaling": ("import x --name x --uint8-scale 1", 2, "come together"),
    "scaling without numbers": ("import x --name x --uint8-scale nan --uint8-shift 0", 2, "nan"),
    "scaling of nothing": ("import x --name x --uint8-scale 0 --uint8-shift 0", 2, "got 0"),
    "reference without scaling": ("import x --name x --reference-images x", 2, "--uint8-scale"),
    "labels without images": ("compare digits --labels x", 2, "--images"),
    "no such store": ("list --store {}/nonesuch", 1, "nonesuch"),
    "a file for a store": ("list --store {}/text", 1, "text"),
    "no such model": ("show nonesuch", 1, "'nonesuch' is not in the store; it holds: digits"),
    "no such version": ("show digits --version 99", 1, "99"),
    "nothing to verify": ("verify nonesuch", 1, "'nonesuch'"),
    "damaged model": ("evaluate hurt --store {}/store " + LABELLED, 1, "SHA-256"),
    "no such images": (f"evaluate digits --images {{}}/none --labels {LABELS}", 1, "none: "),
    "a folder for images": (f"evaluate digits --images {{}} --labels {LABELS}", 1, "directory"),
    "no IDX file": (f"evaluate digits --images {{}}/text --labels {LABELS}", 1, "starts with 00"),
    "cut short": (f"evaluate digits --images {{}}/cut.gz --labels {LABELS}", 1, "cut.gz"),
    "damaged gzip": (f"evaluate digits --images {{}}/hurt.gz --labels {LABELS}", 1, "hurt.gz"),
    "labels for images": (f"evaluate digits --images {LABELS} --labels {LABELS}", 1, "[360]"),
    "images for labels": (f"evaluate digits --images {IMAGES} --labels {IMAGES}", 1, "labels [n]"),
    "fewer labels": (f"evaluate digits --images {IMAGES} --labels {{}}/few", 1, "360 images and 2"),
    "other pixels": ("evaluate toy --store {}/store " + LABELLED, 1, "[n, 6]"),
    "other pixels compared": (f"compare toy --store {{}}/store --images {IMAGES}", 1, "[n, 6]"),
    "no data at all": ("evaluate digits", 2, "give --data, or --images and --labels"),
    "data twice": (f"evaluate digits --data {{}} {LABELLED}", 2, "--data has images and labels"),
    "no such data to evaluate": ("evaluate digits --data {}/none", 1, "none: a folder with"),
    "no data to compare on": ("compare digits --data {}/text", 1, "begins with b'hello"),
    "no size": ("evaluate digits --data {} --image-size 8*8", 2, "'8*8'"),
    "a size without data": (f"evaluate digits --grey {LABELLED}", 2, "--grey are of --data"),
    "a size of arrays": ("evaluate digits --data {}/a.npz --image-size 8", 1, "an .npz file"),
    "arrays of other names": (
        "evaluate digits --data {}/a.npz",
        1,
        "labels is missing; it holds x",
    ),
    "images of other size": ("evaluate digits --data {}/photos", 1, "64 pixels"),
    "fewer folders": ("evaluate digits --data {}/photos --image-size 8", 1, "2 folders of classes"),
    "no twin": ("compare digits-dense", 1, "names none"),
    "no such checkpoint": ("import {}/none --name x", 1, "none cannot be read: No such file"),
    "a folder for a checkpoint": ("import {} --name x", 1, "Is a directory"),
    "no checkpoint": ("import {}/text --name x", 1, "torch.save or a .safetensors file"),
    "foreign tensors": ("import {}/foreign.pt --name x", 1, "got weight"),
    "no such recipe": ("train nonesuch --name x", 2, "one of ours, fff-paper"),
    "no such field": ("train digits --name x --set colour=1", 2, "'colour'; it has: activation"),
    "no value": ("train digits --name x --set epochs", 2, "FIELD=VALUE, got 'epochs'"),
    "no such value": ("train digits --name x --set depth=deep", 2, "depth must be int"),
    "value out of range": ("train digits --name x --set depth=99", 2, "depth must be 0 to 12"),
    "no such optimiser": ("train digits --name x --set optimiser=adam", 2, "adamw, sgd"),
    "no name for a model": ("train digits --name a/b", 2, "a/b"),
    "no name for the last seed's": (f"train digits --name {56 * 'n'} --seeds 11", 2, "n-10-dense"),
    "data that nobody reads": ("train digits --name x --data {}", 1, "no folder is read"),
    "no data": ("train ours --name x", 1, "got none"),
    "no such data": ("train ours --name x --data {}/none", 1, "none: a folder with MNIST's IDX"),
    "a folder of other things": ("train ours --name x --data {}", 1, "CLASS/*.png"),
    "setting out of range": ("serve --port 99999", 2, "port (--port)"),
    "setting of no kind": ("serve --max-batch-rows many", 2, "max_batch_rows (--max-batch-rows)"),
    "setting of no choice": ("serve --backend cuda", 2, "'auto', 'numba', 'torch' or 'triton'"),
    "settings that clash": ("serve --max-queue-rows 1", 2, "at least max_batch_rows"),
    "a secret as an option": ("serve --admin-key secret", 2, "--admin-key"),
    "no such file of settings": ("serve --config {}/none", 2, "none: No such file"),
    "a folder for settings": ("serve --config {}", 2, "Is a directory"),
    "settings that are no TOML": ("serve --config {}/hurt.gz", 2, "not TOML"),
    "unknown setting": ("serve --config {}/unknown.toml", 2, "prot (prot in "),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files of which each is wrong in one way, and a store with one damaged model."""
    folder: Path = tmp_path_factory.mktemp("mistakes")
    (folder / "text").write_text("hello\n")
    (folder / "cut.gz").write_bytes(IMAGES.read_bytes()[:1000])
    hurt = bytearray(IMAGES.read_bytes())
    hurt[200:300] = bytes(100)
    (folder / "hurt.gz").write_bytes(hurt)
    (folder / "few").write_bytes(bytes.fromhex("00000801 00000002 0102"))
    (folder / "unknown.toml").write_text("prot = 1\n")
    np.savez(folder / "a.npz", x=np.zeros(3))
    write_class_folders(folder / "photos" / "test", np.zeros((2, 4, 4), np.uint8), np.arange(2))
    torch.save({"weight": torch.zeros(2)}, folder / "foreign.pt")
    store = toys.make_store(folder / "store")
    store.publish("hurt", store.load("toy").weights, origin=toys.ORIGIN, uint8=toys.SCALING)
    weights = folder / "store" / "hurt" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_it_and_the_documented_code(mistake, command, folder):
    line, code, named = MISTAKES[mistake]

    ended = command(*line.format(folder).split())

    assert ended.code == code
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("fff-serve: ")
    assert named in ended.err


def test_a_variable_that_does_not_fit_is_named(command, monkeypatch):
    monkeypatch.setenv("FFF_PROT", "1")

    ended = command("serve")

    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "prot (FFF_PROT) is unknown" in ended.err


def test_the_samples_are_read_where_nothing_is_wrong_with_them(command):
    """The table above would pass if every command failed for one reason."""
    assert len(gzip.decompress(IMAGES.read_bytes())) > 360
    assert command(*f"evaluate digits {LABELLED}".split()).code == 0
    assert command("list").code == command("show", "digits").code == command("verify").code == 0
