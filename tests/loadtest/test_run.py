"""The load test against the real service with the demo models."""

import json
import subprocess
import sys

import pytest

from loadtest.harness.images import BUNDLED
from loadtest.harness.service_api import Pair, served_pair
from loadtest.locust_leg import LOCUSTFILE, UserLoad, run_leg
from loadtest.run import main


def locust(*arguments):
    """Run locust in a process of its own: importing it replaces sockets and threads."""
    command = [sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_demo_pair_is_found(service):
    assert served_pair(service.url, "") == Pair("digits", "digits-dense")


def test_locust_offers_a_user_for_each_side():
    result = locust("--list")

    assert result.returncode == 0
    assert {"FFFUser", "DenseUser"} <= set(result.stdout.split())


def test_locust_without_a_service_ends_at_once_and_says_why():
    result = locust("--headless", "--host", "http://127.0.0.1:9", "--run-time", "30s")

    assert result.returncode == 1
    assert "http://127.0.0.1:9/v1/models could not be reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_refused_requests_are_failures_with_the_services_words(service, tmp_path):
    load = UserLoad(users=1, duration_s=1, rows=4, model="digits", images=BUNDLED)
    counts = run_leg(service.url, "dense", load, tmp_path / "leg")

    assert counts.failures == counts.requests > 0
    assert all("status 413: a request may hold at most 3 rows" in text for text in counts.errors)


def test_a_leg_imports_nothing_of_the_working_directory(service, tmp_path, monkeypatch):
    for name in ("loadtest", "service", "locust"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    load = UserLoad(users=1, duration_s=1, rows=1, model="digits", images=BUNDLED)
    counts = run_leg(service.url, "fff", load, tmp_path / "leg")

    assert counts.failures == 0


def test_both_sides_are_loaded_in_turn_and_reported(service, tmp_path, capsys):
    of = ("--url", service.url, "--results", str(tmp_path))
    code = main([*of, "--users", "2", "--duration-s", "1", "--rows", "3"])
    report = json.loads((tmp_path / "report.json").read_text())

    assert code == 0
    assert [leg["side"] for leg in report["legs"]] == ["fff", "dense", "fff", "dense"]
    assert [side["model"] for side in report["sides"]] == ["digits-dense", "digits"]
    for leg in report["legs"]:  # what the users sent is what the service computed
        assert leg["server"]["queued_requests"] == leg["requests"] > 0
        assert leg["server"]["batch_rows"] == 3 * leg["requests"]
    assert (tmp_path / "2-dense.html").read_text().startswith("<!DOCTYPE html>")
    assert "load average" in capsys.readouterr().out


def test_a_service_that_does_not_come_up_is_an_error_with_its_own_words(monkeypatch, capsys):
    monkeypatch.setenv("FFF_MAX_BATCH_ROWS", "none")

    assert main([]) == 1
    error = capsys.readouterr().err
    assert "the service did not come up: exit code 2" in error
    assert "setting max_batch_rows" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://example.org"], "must be on this machine"),
        (["--users", "1000000"], "must be 1 to 1000"),
        (["--rounds", "1"], "must be 2 to 20"),
    ],
)
def test_misuse_is_refused_before_anything_is_started(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert message in capsys.readouterr().err
