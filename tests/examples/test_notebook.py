"""The notebook runs from top to bottom in a kernel of its own, and is kept without outputs."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from loadtest.harness.service_process import free_port

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples/notebook.ipynb"
LIMIT_S = 120  # of one cell: a bound on hanging, not a claim


@pytest.fixture
def kernel_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in which a kernel starts, with its files and all that the notebook writes in it."""
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'client'}")
    return tmp_path


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


async def test_it_trains_imports_serves_and_compares(kernel_of_its_own):
    text = NOTEBOOK.read_text()
    assert "PORT = 8765" in text
    notebook = nbformat.reads(text.replace("PORT = 8765", f"PORT = {free_port()}"), 4)
    resources = {"metadata": {"path": str(kernel_of_its_own)}}

    await NotebookClient(notebook, timeout=LIMIT_S, resources=resources).async_execute()

    output = printed(notebook)
    assert "trained version 1: test accuracy 9" in output
    assert "answers 360 of 360 rows bit for bit the same" in output
    assert "trained-dense  accuracy 9" in output
    assert "the service ended with exit code 0" in output


def test_it_is_kept_without_outputs():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if "outputs" in cell]

    assert cells
    assert [cell for cell in cells if cell["outputs"] or cell["execution_count"]] == []
