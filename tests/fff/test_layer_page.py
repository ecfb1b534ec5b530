"""docs/layer.md: its Python runs, one block after the other, as somebody new would run it."""

import re
from pathlib import Path

import pytest

from fff import FFF

PAGE = Path(__file__).parents[2] / "docs/layer.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it saves a file
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)

    assert len(blocks) == 5
    assert isinstance(names["layer"], FFF)
