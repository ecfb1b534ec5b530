"""Behind a reverse proxy, and asked by the pages of other sites."""

from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import Request

from service.app import Application
from tests.service import toys
from tests.service.http.test_fast_path import listening

ROWS = {"inputs": [[0.5] * toys.WIDTH]}
TENSOR = {"name": "input", "datatype": "FP32", "shape": [1, toys.WIDTH], "data": ROWS["inputs"]}
POSTS = {
    "/v1/models/toy/predict": ROWS,
    "/v2/models/toy/infer": {"inputs": [TENSOR]},
    "/v2/models/toy/versions/1/infer": {"inputs": [TENSOR]},
    "/v1/models/toy/explain": ROWS,
    "/v1/compare": {"model": "toy"} | ROWS,
    "/v2/repository/index": {},
}
GETS = [
    *("/", "/docs", "/openapi.json", "/metrics", "/healthz", "/readyz", "/v1/models"),
    *("/v1/models/toy/leaves", "/v2", "/v2/health/ready", "/v2/models/toy/versions/1/ready"),
]
ORIGIN, OTHER = {"origin": "https://app.example"}, {"origin": "https://other.example"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[toys.LiveService]:
    """As its users run it, so that predictions come past ASGI too."""
    store = toys.make_store(tmp_path_factory.mktemp("proxied") / "store")
    options = {"FFF_CORS_ORIGINS": ORIGIN["origin"]}
    with toys.live("--store", str(store.root), "--root-path", "/some/prefix", **options) as running:
        yield running


@pytest.fixture
def http(service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url) as http:
        yield http


def asked(
    http: httpx.Client, path: str, prefix: str = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    """Ask for a path of these lists, with the method that it takes."""
    if path in POSTS:
        return http.post(prefix + path, json=POSTS[path], headers=headers)
    return http.get(prefix + path, headers=headers)


@pytest.mark.parametrize("path", [*GETS, *POSTS])
def test_a_path_is_answered_whether_the_proxy_strips_its_prefix_or_not(http, path):
    assert asked(http, path).status_code == 200
    assert asked(http, path, "/some/prefix").status_code == 200
    for other in ("/some", "/some/prefixed", "/some/prefix/some/prefix", "/prefix"):
        refused = asked(http, path, other)
        assert refused.status_code == 404
        assert refused.json()["error"].endswith("see /some/prefix/docs")


@pytest.mark.parametrize("prefix", ["", "/fff"])
async def test_below_the_prefix_predictions_take_the_fast_path_too(toy_store, monkeypatch, prefix):
    monkeypatch.setattr("service.app.answer_prediction", None)  # ASGI's, which is not called
    async with listening(store=toy_store.root, root_path="/fff") as (_, port):
        url = f"http://127.0.0.1:{port}{prefix}/v1/models/toy/predict"
        async with httpx.AsyncClient() as http:
            answer = await http.post(url, json=ROWS)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v2/models/toy", "/docs", "/v1/models/toy/predict"]
)
@pytest.mark.parametrize("known", ["https://x/some/prefix", "https://x", "https://x/unknown"])
def test_a_redirect_leads_below_the_address_that_the_client_used(http, path, known):
    """Whatever scheme, host and prefix the proxy offers; the query goes along."""
    prefix = "/some/prefix" if "prefix" in known else ""

    answer = http.get(f"{prefix}{path}/?a=b/")

    assert answer.status_code == 307
    assert urljoin(f"{known}{path}/", answer.headers["location"]) == f"{known}{path}?a=b/"


def test_the_prefix_itself_is_the_page(http):
    answer = http.get("/some/prefix")

    assert urljoin("https://x/some/prefix", answer.headers["location"]) == "https://x/some/prefix/"


def test_the_description_of_the_api_names_the_prefix(http):
    assert http.get("/openapi.json").json()["servers"] == [{"url": "/some/prefix"}]


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/nope", *POSTS])
def test_an_allowed_origin_is_told_so_on_every_answer_and_another_is_not(http, path):
    allowed, other, none = (asked(http, path, headers=h) for h in (ORIGIN, OTHER, {}))

    assert allowed.headers[ALLOWED] == ORIGIN["origin"]
    assert "x-request-id" in allowed.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in allowed.headers
    assert ALLOWED not in other.headers
    assert ALLOWED not in none.headers
    assert allowed.status_code == other.status_code == none.status_code


@pytest.mark.parametrize("body", ["{", '{"inputs": []}'])
def test_errors_of_predictions_are_read_by_an_allowed_origin_too(http, body):
    answer = http.post("/v1/models/toy/predict", content=body, headers=ORIGIN)

    assert (answer.status_code, answer.headers[ALLOWED]) == (400, ORIGIN["origin"])


@pytest.mark.parametrize("path", ["/v1/models", *POSTS])
def test_a_browser_that_asks_before_it_posts_is_answered(http, path):
    asking = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, inference-header-content-length",
    }

    allowed = http.options(path, headers=ORIGIN | asking)
    other = http.options(path, headers=OTHER | asking)

    assert (allowed.status_code, allowed.headers[ALLOWED]) == (200, ORIGIN["origin"])
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "inference-header-content-length" in allowed.headers["access-control-allow-headers"]
    assert (other.status_code, other.json()) == (400, {"error": "Disallowed CORS origin"})
    assert ALLOWED not in other.headers


async def test_by_default_no_origin_is_told_anything(client):
    for headers in (ORIGIN, ORIGIN | {"access-control-request-method": "POST"}):
        answers = [await client.post("/v1/models/toy/predict", json=ROWS, headers=headers)]
        answers.append(await client.options("/v1/models/toy/predict", headers=headers))
        assert [answer.status_code for answer in answers] == [200, 405]
        assert not [name for each in answers for name in each.headers if "access-control" in name]


@pytest.mark.parametrize(
    ("trusted", "url"),
    [((), "http://toy/who"), (("10.0.0.0/8",), "http://toy/who"), (("*",), "https://toy/who")],
)
async def test_forwarded_headers_are_believed_of_whom_the_setting_names(toy_store, trusted, url):
    async with toys.running(store=toy_store.root, forwarded_allow_ips=trusted) as (app, client):
        assert isinstance(app, Application)
        app.add_api_route("/who", who)

        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
        told = (await client.get("/who", headers=headers)).json()

    assert told == {"url": url, "client": "192.0.2.7" if trusted == ("*",) else "127.0.0.1"}


async def who(request: Request) -> dict[str, str]:
    assert request.client is not None
    return {"url": str(request.url), "client": request.client.host}
