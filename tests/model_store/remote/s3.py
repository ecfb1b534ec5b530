"""A server of the S3 protocol as a process on loopback, and a store that is copied to it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs

KEY, SECRET = "AKIATESTONLYKEY", "secret-of-the-tests"
BUCKET = "models"


class S3Server:
    """moto's server; nothing of it is in this process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stderr is not None
        self.url = ""
        for line in self.process.stderr:
            if found := re.search(r"Running on (http://\S+)", line):
                self.url = found[1]
                break
        self.files = s3fs.S3FileSystem(
            key=KEY,
            secret=SECRET,
            endpoint_url=self.url,
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        self.files.mkdir(BUCKET)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def upload(self, root: Path, prefix: str) -> str:
        """Copy a store's files; returns its URL."""
        for path in sorted(root.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(root)}", path.read_bytes())
        return f"s3://{BUCKET}/{prefix}"

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.files.pipe_file(f"{BUCKET}/{key}", content)

    def get(self, key: str) -> bytes:
        """Read an object."""
        content: bytes = self.files.cat_file(f"{BUCKET}/{key}")
        return content

    def objects(self) -> dict[str, str]:
        """Every object with its ETag."""
        found = self.files.find(BUCKET, detail=True)
        return {key: facts["ETag"] for key, facts in found.items()}

    def kill(self) -> None:
        """End it as a power cut does; once is enough."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextlib.contextmanager
def serving() -> Iterator[S3Server]:
    """A server that is ended whatever happens."""
    server = S3Server()
    try:
        yield server
    finally:
        server.kill()


def use(server: S3Server, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Have this process find a server, and keep copies in a folder of the test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in server.environment.items():
        patch.setenv(name, value)
    patch.setenv("XDG_CACHE_HOME", str(cache))
