"""Models of one store beside each other over HTTP."""

import json
import shutil

import pytest

from bench.http import models
from model_store.store import DEMO_STORE
from tests.requirements import need

QUICK = ("--rounds", "1", "--duration-s", "1", "--rows", "4", "--connections", "2")


def test_models_of_any_kind_answer_the_same_rows_in_turn(capsys):
    need(shutil.which("wrk"), "wrk")

    code = models.main([*QUICK, "--store", str(DEMO_STORE), "digits", "digits-dense"])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert [cell["server"] for cell in report["cells"]] == ["digits", "digits-dense"]
    assert all(cell["errors"] == 0 < cell["requests_per_s"] for cell in report["cells"])
    (ratio,) = report["ratios"]
    assert ratio["server"] == "digits-dense"


def test_a_model_that_the_store_lacks_is_named_before_anything_is_loaded(capsys):
    need(shutil.which("wrk"), "wrk")

    assert models.main([*QUICK, "--store", str(DEMO_STORE), "digits", "digit"]) == 1
    assert "digit" in capsys.readouterr().err


def test_a_model_is_named_once():
    with pytest.raises(SystemExit) as stopped:
        models.main(["--store", str(DEMO_STORE), "digits", "digits"])

    assert stopped.value.code == 2
