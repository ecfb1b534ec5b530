"""
A stub of the Hugging Face Hub on loopback: a store's folder as one private repository.

Covered:      what `HfFileSystem` asks of the Hub: the repository and its revisions, a folder's
              entries, ranges of a file, which a signed address of another host answers.
Not covered:  pages of long listings, Xet, buckets, commits.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

import pytest

REPOSITORY, REVISIONS = "org/repo", ("main", "v1.0", "refs/pr/1")
TOKEN, SIGNATURE = "hf_tokenOfTheTests", "signature-of-the-tests"


class Hub:
    """
    Args:
        root: A store's folder, which the repository has as `models/`.

    Attributes:
        paths: Of all requests.
        served: Bytes of files that have been sent.
        hangs: A pattern of paths that get no answer until the end.
    """

    def __init__(self, root: Path):
        self.root, self.paths, self.served = root, list[str](), 0
        self.hangs, self.ended = "(?!)", Event()
        hub = self

        class Handler(_Handler):
            stub = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_TELEMETRY": "1"}

    def entries(self, folder: str) -> list[dict[str, object]] | None:
        """A folder's entries as the Hub describes them; None if there is none."""
        if not folder:
            return [_entry("models", self.root)]
        path = self._path(folder)
        if path is None or not path.is_dir():
            return None
        return [_entry(f"{folder}/{inner.name}", inner) for inner in sorted(path.iterdir())]

    def content(self, file: str) -> bytes | None:
        """A file's bytes; None if there is none."""
        path = self._path(file)
        return path.read_bytes() if path is not None and path.is_file() else None

    def _path(self, path: str) -> Path | None:
        top, _, rest = path.partition("/")
        return self.root / rest if top == "models" and ".." not in path else None


def _entry(name: str, path: Path) -> dict[str, object]:
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
    content = path.read_bytes()
    oid, entry = sha1(content).hexdigest(), {"type": "file", "path": name, "size": len(content)}
    if not name.endswith(".safetensors"):
        return entry | {"oid": oid}
    large = {"oid": sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry | {"oid": sha1(oid.encode()).hexdigest(), "lfs": large}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one piece, else each answer waits 40 ms for an ACK
    stub: Hub

    def do_GET(self) -> None:  # noqa: N802  (the library's name)
        path = urlsplit(self.path).path
        self.stub.paths.append(path)
        if re.search(self.stub.hangs, path):
            self.stub.ended.wait()
        elif path.startswith("/cdn/"):
            self._file(unquote(path.removeprefix("/cdn/")))
        elif self.headers["authorization"] != f"Bearer {TOKEN}":
            self._refuse(401, "RepoNotFound")
        else:
            self._ask(path)

    def _ask(self, path: str) -> None:
        asked = re.fullmatch(
            rf"/api/models/{REPOSITORY}(?:/(?P<what>revision|tree)/(?P<rev>[^/]+)/?(?P<path>.*))?"
            rf"|/{REPOSITORY}/(?P<file>resolve)/(?P<rev2>[^/]+)/(?P<path2>.*)",
            path,
        )
        if asked is None:
            return self._refuse(404, "RepoNotFound")
        if unquote(asked["rev"] or asked["rev2"] or "main") not in REVISIONS:
            return self._refuse(404, "RevisionNotFound")
        if asked["file"]:
            self.send_response(302)
            self.send_header("location", f"/cdn/{asked['path2']}?X-Amz-Signature={SIGNATURE}")
            return self._end(b"")
        if asked["what"] != "tree":
            return self._json({"id": REPOSITORY, "sha": "0" * 40, "siblings": []})
        entries = self.stub.entries(unquote(asked["path"]))
        return self._refuse(404, "EntryNotFound") if entries is None else self._json(entries)

    def _file(self, file: str) -> None:
        content = self.stub.content(file)
        if content is None or SIGNATURE not in self.path:
            return self._refuse(404, "EntryNotFound")
        start, end = map(int, self.headers["range"].removeprefix("bytes=").split("-"))
        part = content[start : end + 1]
        self.stub.served += len(part)
        self.send_response(206)
        self.send_header("content-range", f"bytes {start}-{end}/{len(content)}")
        self._end(part)

    def _json(self, answer: object) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self._end(json.dumps(answer).encode())

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("x-error-code", code)
        self.send_header("x-error-message", code)
        self._end(b"")

    def _end(self, body: bytes) -> None:
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: tests read what the service says."""


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A stub that is ended whatever happens."""
    hub = Hub(root)
    thread = Thread(target=hub.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        hub.server.shutdown()
        hub.server.server_close()
        thread.join()


def use(hub: Hub, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Have this process find a stub, and keep copies in a folder of the test."""
    constants = "huggingface_hub.constants"  # made of the environment when it is imported
    patch.setattr(f"{constants}.ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", template)
    for name, value in hub.environment.items():
        patch.setenv(name, value)
    patch.setenv("XDG_CACHE_HOME", str(cache))
