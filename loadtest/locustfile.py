"""
Locust users that ask an FFF, and others that ask its dense twin, the same images.

    locust -f loadtest/locustfile.py --host http://127.0.0.1:8000 --web-host 127.0.0.1

opens locust's page on port 8089; `python -m loadtest.run` runs both sides in turn by itself.
Pick `FFFUser` or `DenseUser` as a last argument or in the page (`--class-picker`); both
together share the service. Options have environment variables: LOADTEST_IMAGES,
LOADTEST_ROWS, LOADTEST_MODEL.

Users do not pause: each sends its next request when it has its answer, so that the number of
users is the number of requests under way.

Covered:      one kind of request, Open Inference Protocol v2 JSON with raw pixels.
Not covered:  the binary tensor extension; arrivals that do not wait for answers (open loop).
"""

import itertools
import logging
import random
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events, stats, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.harness.errors import LoadTestError
from loadtest.harness.images import BUNDLED, read_images
from loadtest.harness.service_api import Pair, fault, infer_bodies, infer_path, served_pair

MAX_ROWS = 4096
IMAGES = 4096  # read at most


def three_digits(response_ms: float) -> float:
    """Round a response time for locust's histogram, whose own two digits are too coarse here."""
    return float(f"{response_ms:.3g}")


# The way locust documents; older versions ignore it.
stats.bucket_response_time = three_digits  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Plan:
    """What all users of a test share."""

    pair: Pair
    rows: int
    bodies: list[str]


def add_options(parser: ArgumentParser) -> None:
    """Extend locust's own options; its page shows them too."""
    parser.set_defaults(run_time="5m")  # a test that nobody stops stops by itself
    parser.add_argument(
        "--images", env_var="LOADTEST_IMAGES", default=str(BUNDLED), help="IDX file of images"
    )
    parser.add_argument(
        "--rows", env_var="LOADTEST_ROWS", type=int, default=1, help="images in one request"
    )
    parser.add_argument(
        "--model",
        env_var="LOADTEST_MODEL",
        default="",
        help="the FFF; empty takes the first that is served with its baseline",
    )


def prepare_without_page(environment: Any, **_: object) -> None:
    """Plan before the clock of a headless test starts; what it needs is all on the command line."""
    environment.plan = None
    options = environment.parsed_options
    if options.headless and not (options.master or options.worker):  # those learn more later
        try:
            environment.plan = make_plan(environment)
        except LoadTestError as exc:
            sys.exit(f"load test: {exc}")


def prepare(environment: Any, **_: object) -> None:
    """Plan before the first user starts; on the page, host and options change between tests."""
    if environment.plan and environment.parsed_options.headless:
        return
    environment.plan = None
    try:
        environment.plan = make_plan(environment)
    except LoadTestError as exc:
        logging.error("load test: %s", exc)
        # Later, because the test is only now starting. The page stays, for another try.
        gevent.spawn(environment.runner.stop)


def make_plan(environment: Environment) -> Plan:
    """
    Read the options.

    Raises:
        LoadTestError: If the service or the images are not there, or an option does not fit.
    """
    options = environment.parsed_options
    assert options is not None, "locust parses its options before a test. This is a bug."
    if not 1 <= options.rows <= MAX_ROWS:
        raise LoadTestError(f"rows must be 1 to {MAX_ROWS}, got {options.rows}")
    if not environment.host:
        raise LoadTestError("the service's address is missing: give --host http://HOST:PORT")
    images = read_images(Path(options.images), IMAGES)
    pair = served_pair(environment.host.rstrip("/"), options.model)
    return Plan(pair, options.rows, infer_bodies(images, options.rows))


class ImageUser(FastHttpUser):
    """Sends images and checks every answer; a wrong one counts as a failure, with its text."""

    abstract = True
    network_timeout = 30.0  # s; a request without an answer must not outlive the test for long
    side: str

    def on_start(self) -> None:
        """Start somewhere of its own in the images, so that users differ."""
        plan: Plan | None = self.environment.plan
        self._ready = plan is not None
        if plan is None:
            return
        first = random.randrange(len(plan.bodies))
        self._rows = plan.rows
        self._model = getattr(plan.pair, self.side)
        self._bodies = itertools.cycle(plan.bodies[first:] + plan.bodies[:first])

    @task
    def infer(self) -> None:
        """Ask once."""
        if not self._ready:
            raise StopUser
        path = infer_path(self._model)
        with self.client.post(
            path, data=next(self._bodies), name=self._model, catch_response=True
        ) as response:
            wrong = fault(response.status_code, response.content, self._rows)
            if wrong:
                response.failure(f"{wrong} ({response.error})" if response.error else wrong)


class FFFUser(ImageUser):
    """Asks the fast feedforward network."""

    side = "fff"


class DenseUser(ImageUser):
    """Asks the dense network beside it."""

    side = "dense"


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
events.init.add_listener(prepare_without_page)  # type: ignore[no-untyped-call]
events.test_start.add_listener(prepare)  # type: ignore[no-untyped-call]
