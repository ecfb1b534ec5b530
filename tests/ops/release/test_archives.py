"""What this checkout builds: the packages and the demo models, whatever else lies about."""

import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from trove_classifiers import classifiers

from model_store.default_store import DEMO_MODELS
from ops.release.archives import DEMO, check_sdist, check_wheel, names_in
from ops.release.build import build
from ops.release.errors import ReleaseRefused
from ops.release.project import CLIENT, SERVICE, Project

ROOT = Path(__file__).parents[3]
NOT_SOURCE = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "results", "*.egg-info")
LITTER = (
    "model_store/demo/foreign/1/model.safetensors",
    "model_store/demo/foreign/1/manifest.json",
    "model_store/__pycache__/store.cpython-311.pyc",
    "tests/__pycache__/x.cpython-311.pyc",
    "examples/.ipynb_checkpoints/notebook.ipynb",
    "loadtest/results/report.html",
    "client/fff_client.egg-info/SOURCES.txt",
    "client/build/lib/fff_client/old.py",
)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Built from a copy of the checkout in which somebody has imported, tested and built."""
    folder = tmp_path_factory.mktemp("release")
    shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    for name in LITTER:
        file = folder / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    earlier = folder / "source" / "fff_serve.egg-info" / "SOURCES.txt"  # setuptools goes by it
    earlier.parent.mkdir(exist_ok=True)
    earlier.write_text("\n".join(LITTER))
    return build(Project(folder / "source"), folder / "dist", epoch=1_700_000_000, isolated=False)


def test_the_demo_of_a_release_is_what_a_new_store_begins_with():
    assert {name.split("/")[2] for name in DEMO} == {*DEMO_MODELS}


def test_the_wheel_has_our_packages_and_the_demo_models_alone(archives):
    check_wheel(archives["wheel"])


def test_the_clients_wheel_has_the_client_alone(archives):
    check_wheel(archives["client"], {"fff_client"})


def test_the_sdist_has_tests_and_docs_and_nothing_that_lay_about(archives):
    check_sdist(archives["sdist"])


def test_every_file_of_the_archives_has_the_time_of_the_commit(archives):
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        assert {entry.date_time for entry in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}


@pytest.mark.parametrize(
    "extra", ["model_store/demo/mine/1/model.safetensors", "tests/test_x.py", "fff/__pycache__/a"]
)
def test_a_wheel_with_anything_else_is_refused(archives, tmp_path, extra):
    changed = tmp_path / archives["wheel"].name
    shutil.copy(archives["wheel"], changed)
    with zipfile.ZipFile(changed, "a") as wheel:
        wheel.writestr(extra, "")

    with pytest.raises(ReleaseRefused, match="must not have"):
        check_wheel(changed)


def test_the_demo_pair_is_there(archives):
    assert names_in(archives["wheel"]) >= DEMO


@pytest.mark.parametrize("name", ["fff-serve", "fff-client"])
def test_what_is_installed_has_the_version_that_is_written_down(name):
    """Where it has not: run `make install` again."""
    assert version(name) == Project(ROOT).version


@pytest.mark.parametrize("file", [SERVICE, CLIENT])
def test_an_index_knows_every_classifier(file):
    assert {*Project(ROOT).table(file)["classifiers"]} <= classifiers


@pytest.mark.parametrize("file", [SERVICE, CLIENT])
def test_the_page_for_the_index_has_no_relative_links(file):
    page = (ROOT / file).parent / Project(ROOT).table(file)["readme"]

    assert "](" not in page.read_text().replace("](https://", "")
