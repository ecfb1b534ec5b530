"""The examples of the client's README run as they stand there, against the demo models."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service import toys

README = (Path(__file__).parents[2] / "client/README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(COMMAND,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def demo_url():
    with toys.live() as service:
        yield service.url


@pytest.mark.parametrize("example", EXAMPLES, ids=["blocking", "async", "numbers"])
def test_an_example_runs(demo_url, example, capsys):
    assert URL in example

    exec(compile(example.replace(URL, demo_url), "client/README.md", "exec"), {})

    printed = capsys.readouterr().out
    assert "[" in printed
    for said in re.findall(r"print\(prediction\)  # (.*)", example):
        assert said in printed


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_without_this_package_runs(demo_url):
    answer = subprocess.check_output(["sh", "-ec", COMMAND.replace(URL, demo_url)], text=True)

    assert answer.startswith('{"model":"digits"')


def test_the_readme_names_every_error():
    tree = (Path(__file__).parents[2] / "client/fff_client/errors.py").read_text()

    for name in re.findall(r"[├└]── (\w+)", tree):
        assert f"| `{name}` |" in README
