"""The examples of the client's README run as they stand there, against the demo models."""

import re
from pathlib import Path

import pytest

from tests.service import toys

README = (Path(__file__).parents[2] / "client/README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def demo_url():
    with toys.live() as service:
        yield service.url


@pytest.mark.parametrize("example", EXAMPLES, ids=["blocking", "async"])
def test_an_example_runs(demo_url, example, capsys):
    assert URL in example

    exec(compile(example.replace(URL, demo_url), "client/README.md", "exec"), {})

    assert "[" in capsys.readouterr().out
