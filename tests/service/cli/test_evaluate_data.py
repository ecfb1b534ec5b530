"""`evaluate` and `compare` on data sets as people have them: one result, whatever the form."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation import timing
from evaluation.datasets import load_pair, load_test
from evaluation.fitting import fitted_to
from evaluation.image_folder import ImageForm
from model_store.store import DEMO_STORE, Store
from service.cli.image_file import read_image
from tests.evaluation.image_files import write_class_folders

DATA = Path(__file__).resolve().parents[3] / "loadtest" / "data"
FILES = [DATA / "digits-images.idx3-ubyte.gz", DATA / "digits-labels.idx1-ubyte.gz"]
IDX = ["--images", str(FILES[0]), "--labels", str(FILES[1])]
DIGITS = load_pair(*FILES)
IMAGES = DIGITS.images.reshape(-1, 8, 8)


@pytest.fixture
def forms(tmp_path: Path) -> list[list[str]]:
    """The digits as a folder of images, as an archive, and as a file each."""
    write_class_folders(tmp_path / "photos" / "test", IMAGES, DIGITS.labels)
    np.savez(tmp_path / "both.npz", x_test=IMAGES, y_test=DIGITS.labels)
    np.save(tmp_path / "images.npy", IMAGES)
    each = ["--images", str(tmp_path / "images.npy"), "--labels", IDX[3]]
    return [["--data", str(tmp_path / name)] for name in ("photos", "both.npz")] + [each]


def test_a_model_is_evaluated_alike_on_every_form_of_its_data(command, forms):
    results = [json.loads(command("evaluate", "digits", "--json", *f).out) for f in [IDX, *forms]]
    exact = [{k: r[k] for k in ("rows", "hard_accuracy", "leaf_shares")} for r in results]
    sums = [[r["nll"], r["calibration_error"], r["confidence_when_wrong"]] for r in results]

    assert all(each == exact[0] for each in exact)
    assert all(each == pytest.approx(sums[0]) for each in sums)  # rows come in another order


def test_a_pair_is_compared_alike_on_every_form_of_its_data(command, forms, monkeypatch):
    monkeypatch.setattr(timing, "BUDGET_S", 0.0)
    results = [json.loads(command("compare", "digits", "--json", *f).out) for f in [IDX, *forms]]
    found = {
        (r["fff"]["accuracy"], r["dense"]["accuracy"], r["agreement"]["rows"]) for r in results
    }

    assert len(found) == 1


def test_a_folder_of_files_becomes_the_pixels_that_predict_makes_of_each(command, tmp_path):
    """Files of any size, whose white is 255, for a model whose white is 16."""
    images = np.random.RandomState(0).randint(0, 256, (10, 20, 30)).astype(np.uint8)
    write_class_folders(tmp_path / "test", images, np.arange(10))
    model = Store(DEMO_STORE).load("digits")
    data, _ = fitted_to(model, load_test(tmp_path, ImageForm((8, 8))))
    read = [
        read_image(file.read_bytes(), model.manifest, invert=False).pixels[0]
        for file in sorted(tmp_path.rglob("*.png"))
    ]
    ended = command("evaluate", "digits", "--data", str(tmp_path), "--image-size", "8")

    assert np.array_equal(data.images, read)
    assert (ended.code, ended.err) == (0, f"{tmp_path}: pixels 0 (black) to 16 (white)\n")
