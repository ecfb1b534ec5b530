"""The servers of the request-path bench: all answer the same rows alike, on the same options."""

import ast
import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.http.bodies import FORMS, INK, Body, bodies, pixel_rows
from bench.http.parity import Refused, check
from bench.http.peers import PEERS
from bench.http.servers import UVICORN
from bench.http.setup import written
from bench.http.sides import FLOOR, OURS, SIDES, publish, random_weights, start
from bench.http.wrk import run_wrk
from bench.parity import CLEAR_MARGIN, ParityError
from fff import reference
from loadtest.harness.service_api import get
from tests.requirements import need

NAMES = [name for name in SIDES if name not in PEERS]  # those need environments of their own
FORM_OF = [(name, form) for name in NAMES for form in SIDES[name]]
SERVER = Path(__file__).parents[3] / "service" / "server.py"


@pytest.fixture(scope="module", autouse=True)
def _one_torch_thread():
    """As the bench does: several wait for each other by spinning, on cores that others need."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights():
    return random_weights(torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def sent(weights):
    """A few of each kind; the bench itself sends more."""
    generator = torch.Generator().manual_seed(1)
    return {(f, n): bodies(f, n, weights, generator)[:4] for f in FORMS for n in (1, 64)}


@pytest.fixture(scope="module")
def sides(weights, sent, tmp_path_factory):
    """Running servers by name; starting them compares their answers."""
    store = tmp_path_factory.mktemp("store")
    publish(store, weights)
    with ExitStack() as running:
        found, _ = start(NAMES, store, sent, running)
        yield {side.name: side for side in found}


@pytest.mark.parametrize(("name", "form"), FORM_OF)
def test_every_server_answers_as_the_reference_does(sides, sent, name, form):
    side = sides[name]
    if (name, form) == (OURS, "binary"):
        extensions = json.loads(get(f"{side.process.url}/v2"))["extensions"]
        if "binary_tensor_data" not in extensions:
            pytest.skip("the service lists no binary_tensor_data among its extensions")

    for rows in (1, 64):
        check(name, side.urls[form, rows], form, sent[form, rows], exact=name != FLOOR)


@pytest.mark.parametrize(("form", "rows"), [("json", 1), ("json", 64)])
def test_the_floor_answers_as_many_bytes_as_the_service(sides, sent, form, rows):
    sizes = {
        check(name, sides[name].urls[form, rows], form, sent[form, rows][:1], exact=False)
        for name in (OURS, FLOOR)
    }

    assert len(sizes) == 1


@pytest.mark.parametrize("form", FORMS)
def test_another_answer_than_the_references_is_an_error(sides, sent, form):
    body = sent[form, 64][0]
    wrong = replace(body, truth=body.truth + 1)

    with pytest.raises(ParityError, match="asgi-kernel, .* logits differ"):
        check("asgi-kernel", sides["asgi-kernel"].urls[form, 64], form, [wrong])


def test_an_answer_without_logits_is_an_error(sides, sent):
    with pytest.raises(ParityError, match="holds no logits"):
        check(FLOOR, sides[FLOOR].urls["json", 1], "json", sent["json", 1])


def test_a_refusal_says_what_was_answered(sides):
    url = sides["fastapi-pydantic"].urls["json", 1]

    with pytest.raises(Refused, match="json requests are answered 422: .*Field required"):
        check("fastapi-pydantic", url, "json", [Body(b"{}")])


def test_wrk_sends_binary_bodies_whole(sides, sent, tmp_path):
    """64 rows of bytes hold every byte that could end a line or a string."""
    need(shutil.which("wrk"), "wrk")
    requests = written(sent, tmp_path)["binary", 64]
    assert all(byte in requests.bodies[0].content for byte in b"\0\n\r")
    figures = run_wrk(
        str(shutil.which("wrk")), sides["asgi-kernel"].urls["binary", 64], requests.path, 2, 1
    )

    assert figures.errors == 0
    assert figures.requests > 0


def test_all_run_on_the_services_own_uvicorn_options():
    """But for the protocol, which the service replaces by its own."""
    calls = [node for node in ast.walk(ast.parse(SERVER.read_text())) if isinstance(node, ast.Call)]
    (config,) = (call for call in calls if ast.unparse(call.func) == "uvicorn.Config")
    its_own = {"host", "port", "http"}
    said = {each.arg: each.value for each in config.keywords if each.arg not in its_own}

    same = {name: ast.literal_eval(value) for name, value in said.items()}
    assert same | {"http": "httptools"} == UVICORN


def test_rows_are_like_digits_and_their_leaves_beyond_doubt(weights):
    rows = pixel_rows(500, weights, torch.Generator().manual_seed(2))

    leaf, margin = reference.route(rows, weights)
    assert float(margin.min()) > CLEAR_MARGIN
    assert len(leaf.unique()) > weights.leaves / 2
    assert abs(float((rows > 0).float().mean()) - INK) < 0.01
    assert 0 <= float(rows.min()) <= float(rows.max()) <= 1
