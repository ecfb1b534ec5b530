"""
The page at `/`: the files of `service/page` put together into one document.

Covered:      assembly, once at start-up, and the Content-Security-Policy that names its parts.
Not covered:  what the page shows; that is in `service/page/start.js` and the modules it imports.

One document, because it must work with no network but the service itself and below any path
prefix. The scripts are ES modules, which linters and tests read as they are; `service.page.modules`
joins them into one inline script, so the policy names a single hash and the page asks for no file.
"""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from service.page.modules import join_modules

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PageDocument:
    """
    What is answered at `/`.

    Attributes:
        html: The document, UTF-8.
        headers: Those that go with it.
    """

    html: bytes
    headers: dict[str, str]


def build_page(folder: Path = FOLDER) -> PageDocument:
    """
    Put the document together.

    Args:
        folder: Holds `index.html`, `style.css` and the modules, `*.js`.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the modules cannot be joined, or a part would end its own element.
    """
    files = sorted(folder.glob("*.js"))
    script = join_modules({file.stem: file.read_text(encoding="utf-8") for file in files})
    style = (folder / "style.css").read_text(encoding="utf-8")
    for part in (script, style):
        if "</" in part:
            raise ValueError("the page's scripts and style must not contain </")
    frame = (folder / "index.html").read_text(encoding="utf-8")
    html = frame.replace("{{style}}", style).replace("{{script}}", script)
    return PageDocument(html.encode(), _headers(script, style))


def _headers(script: str, style: str) -> dict[str, str]:
    return policy_headers(
        {
            "connect-src": "'self'",
            "img-src": "data:",
            "script-src": source_hash(script),
            "style-src": source_hash(style),
        }
    )


def policy_headers(sources: dict[str, str]) -> dict[str, str]:
    """
    Make the headers of a page that may use what is named here and nothing else.

    Args:
        sources: Of its Content-Security-Policy, by directive.
    """
    policy = {
        "default-src": "'none'",
        **sources,
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
        "Cache-Control": "no-cache",  # another version of the service has another page
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def source_hash(source: str) -> str:
    """Name an inline script or style by its hash, as the policy does."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{b64encode(digest).decode()}'"
