"""`/docs` in a real browser that reaches nothing but the service."""

import httpx
import pytest

from tests.service import toys
from tests.service.page.conftest import ServiceOnOnePort


@pytest.fixture(scope="module")
def prefixed():
    with toys.live("--root-path", "/some/prefix") as service:
        yield service


def test_the_api_is_shown_without_internet_and_a_request_can_be_tried(
    open_page, service: ServiceOnOnePort
):
    """`open_page` fails the test for an error on the console, or a request to anybody else."""
    page = open_page(service.url, path="/docs", shown=".opblock")
    paths = page.locator(".opblock-summary-path").all_inner_texts()

    page.locator('[data-path="/v1/models"]').click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table .response").first.wait_for()

    documented = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    assert {path.replace("\u200b", "") for path in paths} == {*documented}
    answer = page.locator(".live-responses-table .response")
    assert answer.locator(".response-col_status").inner_text().startswith("200")
    assert "digits-dense" in answer.inner_text()


@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
def test_the_api_is_shown_below_a_prefix_and_requests_go_below_it(open_page, prefixed, prefix):
    """Whether the proxy strips the prefix or passes it on, what is tried goes to the prefix."""
    page = open_page(prefixed.url, path=f"{prefix}/docs", shown=".opblock")

    page.locator('[data-path="/readyz"]').click()
    page.get_by_role("button", name="Try it out").click()
    with page.expect_request("**/readyz") as tried:
        page.get_by_role("button", name="Execute").click()

    assert tried.value.url == f"{prefixed.url}/some/prefix/readyz"


@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
def test_the_page_works_where_the_service_itself_knows_its_prefix(open_page, prefixed, prefix):
    page = open_page(prefixed.url, path=f"{prefix}/")

    page.get_by_role("button", name="Sample 7").click()
    page.locator(".verdict b").first.wait_for()
    page.get_by_role("link", name="API").click()
    page.locator(".opblock").first.wait_for()

    assert page.url == f"{prefixed.url}{prefix}/docs"


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css"])
def test_a_browser_that_has_the_files_is_not_sent_them_again(service, name):
    url = f"{service.url}/docs/files/{name}"
    first = httpx.get(url)

    again = httpx.get(url, headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize("path", ["/redoc", "/docs/files/nope.js", "/docs/files/../core.py"])
def test_nothing_else_of_that_package_is_served(service, path):
    answer = httpx.get(service.url + path)

    assert answer.status_code == 404
    assert "see /docs" in answer.json()["error"]


def test_the_policy_lets_no_other_script_in(service):
    policy = httpx.get(f"{service.url}/docs").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
