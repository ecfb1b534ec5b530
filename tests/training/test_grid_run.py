"""A store gets what it lacks of a grid, once."""

import os
import re
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from evaluation.datasets import digits
from evaluation.image_folder import ImageForm
from model_store.errors import StoreError
from model_store.manifest import NAME_PATTERN, TrainingOrigin
from model_store.store import Store
from tests.evaluation.image_files import GREY, LABELS, write_class_folders
from tests.training.toys import OURS
from training import grid_run
from training.batches import Batches
from training.errors import NetworksFailed, RecipeError
from training.grid import Point
from training.grid_jobs import is_there, run
from training.grid_run import Job, data_name, missing_jobs, train_one
from training.material import Material
from training.recipes import recipe_by_name


@pytest.fixture
def two_points(monkeypatch: pytest.MonkeyPatch) -> None:
    quick: dict[str, str | int] = {
        "epochs": 2,
        "patience": 2,
        "teacher": "none",
        "shift_pixels": 0,
        "components": 20,
    }
    recipe = recipe_by_name("digits").override(quick)
    dense = recipe.override({"family": "dense", "hidden_width": 4})
    points = [Point("tree", recipe), Point("dense-4", dense)]
    monkeypatch.setattr(grid_run, "grid_points", lambda *given: points)


@pytest.mark.usefixtures("two_points")
def test_what_a_store_lacks_is_trained_whatever_fails_and_the_error_is_told_at_the_end(
    tmp_path: Path,
) -> None:
    store = str(tmp_path)
    names, missing = missing_jobs(["any"], [0, 1], None, store)
    told: list[tuple[int, int]] = []
    train_one(missing[0])
    again, rest = missing_jobs(["any"], [0, 1], None, store)
    unnamed = Job("a b", missing[0].recipe.override({"epochs": 1}), 0, None, store)
    with pytest.raises(StoreError, match="a b"):
        run([unnamed, *rest], 1, lambda done, total: told.append((done, total)))

    assert (
        names
        == again
        == [*("digits-tree-s0", "digits-dense-4-s0", "digits-tree-s1", "digits-dense-4-s1")]
    )
    assert [job.name for job in rest] == names[1:]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert missing_jobs(["any"], [0, 1], None, store)[1] == []
    assert all(Store(tmp_path).versions(name) == [1] for name in names)
    origin = Store(tmp_path).manifest("digits-dense-4-s1").origin
    assert isinstance(origin, TrainingOrigin)
    assert (origin.seed, origin.data_sha256) == (1, digits()[0].sha256)


@pytest.mark.usefixtures("two_points")
def test_several_that_fail_are_named_and_counted(tmp_path: Path) -> None:
    job = missing_jobs(["any"], [0], None, str(tmp_path))[1][1]
    bad = [replace(job, name=name) for name in ("a b", "c d")]

    with pytest.raises(NetworksFailed, match=r"^2 of 3 networks failed: a b, c d; the first: .*'a"):
        run([*bad, job], 1, lambda done, total: None)
    assert Store(tmp_path).models() == [job.name]


class Fatal:
    """Ends the process that unpickles it, as a kernel does that is out of memory."""

    def __reduce__(self) -> tuple[Callable[[int], NoReturn], tuple[int]]:
        return os._exit, (1,)


def test_a_process_that_is_ended_from_outside_is_told_with_what_to_do(tmp_path: Path) -> None:
    job = Job("a", OURS, 0, Fatal(), str(tmp_path))  # type: ignore[arg-type]

    with pytest.raises(NetworksFailed, match="lack of memory; --jobs"):
        run([job], 1, lambda done, total: None)


@pytest.mark.usefixtures("two_points")
def test_a_network_that_is_published_leaves_no_note_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "store").mkdir()

    train_one(missing_jobs(["any"], [0], None, str(tmp_path / "store"))[1][0])

    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.usefixtures("two_points")
def test_a_process_holds_what_one_seed_s_networks_have_in_common_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = missing_jobs(["any"], [0, 1], None, str(tmp_path))[1]
    made: list[weakref.ref[Batches]] = []
    alive: list[int] = []
    prepared = grid_run._prepared

    def spied(common: grid_run._Common) -> Material:
        alive.append(sum(rows() is not None for rows in made))
        material = prepared(common)
        made.append(weakref.ref(material.rows))
        return material

    monkeypatch.setattr(grid_run, "_prepared", spied)
    for job in jobs:
        train_one(job)

    assert alive == [0, 0]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("fashion-mnist/", "fashion-mnist"),
        ("mnist.v2/", "mnist.v2"),
        ("MNIST/raw/", "MNIST"),
        ("My Photos (new)/", "My-Photos-new-"),
        ("_old/", "old"),
        ("фото/", "images"),
        ("digits.v2.npz", "digits.v2"),
        ("link", "fashion-mnist"),
        (None, "digits"),
    ],
)
def test_data_are_named_as_a_store_can_name_them(
    tmp_path: Path, path: str | None, name: str
) -> None:
    (tmp_path / "link").symlink_to("fashion-mnist")
    (tmp_path / "fashion-mnist").mkdir()
    if path is not None and path.endswith("/"):
        (tmp_path / path).mkdir(exist_ok=True, parents=True)

    found = data_name(None if path is None else tmp_path / path)

    assert found == name
    assert re.fullmatch(NAME_PATTERN, found)


@pytest.mark.usefixtures("two_points")
def test_a_name_too_long_for_a_store_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_run, "data_name", lambda data: "d" * 60)

    with pytest.raises(RecipeError, match="names in a store must match .*, got .ddd.*-tree-s0"):
        missing_jobs(["any"], [0], None, str(tmp_path))


@pytest.mark.usefixtures("two_points")
def test_another_recipe_or_other_data_of_the_same_name_are_trained_anew(
    tmp_path: Path,
) -> None:
    job = missing_jobs(["any"], [0], None, str(tmp_path))[1][1]
    train_one(job)
    changed = Job(job.name, job.recipe.override({"epochs": 1}), 0, None, job.store)

    assert is_there(Store(tmp_path), job, digits()[0].sha256)
    assert not is_there(Store(tmp_path), changed, digits()[0].sha256)
    assert not is_there(Store(tmp_path), job, digits()[1].sha256)


@pytest.mark.usefixtures("two_points")
def test_networks_of_a_grid_are_trained_on_images_of_the_form_asked_for(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "drawn", GREY, LABELS)
    (tmp_path / "store").mkdir()
    _, (job, *_) = missing_jobs(
        ["any"], [0], tmp_path / "drawn", str(tmp_path / "store"), ImageForm((8, 8))
    )

    train_one(job)

    assert Store(tmp_path / "store").manifest(job.name).input_width == 64
