"""
A real proxy with the file that `ops/` offers, on ports and with a certificate at hand.

Covered:      nginx and HAProxy: written, checked by themselves, started, stopped.
Not covered:  what is asked of them (`test_proxies`).
"""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.ops.live_prometheus import until
from tests.requirements import need
from tests.service.listening.certificates import make_certificate

OPS = Path(__file__).parents[2] / "ops"


class Proxy(NamedTuple):
    """
    One of those that are offered.

    Attributes:
        file: Of `ops/`.
        package: Debian's.
        command: To run in the foreground with the file of a folder, which it may complete.
        check: What makes that command only check the file.
        fewest: What makes of its limits one request a minute.
    """

    file: str
    package: str
    command: Callable[[Path], list[str]]
    check: str
    fewest: tuple[tuple[str, str], ...]


class Ports(NamedTuple):
    """Where a service listens, or would."""

    http: int
    grpc: int


def _nginx(folder: Path) -> list[str]:
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{place}_temp_path {folder}/{place};\n" for place in places)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}include {folder}/fff-serve.conf; }}\n"
    )
    return ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def _haproxy(folder: Path) -> list[str]:
    return ["haproxy", "-db", "-f", str(folder / "fff-serve.cfg")]


PROXIES = {
    "nginx": Proxy(
        "nginx/fff-serve.conf",
        "nginx-light",
        _nginx,
        "-t",
        (("rate=1000r/s", "rate=1r/m"), ("burst=1000", "burst=1")),
    ),
    "haproxy": Proxy(
        "haproxy/fff-serve.cfg",
        "haproxy",
        _haproxy,
        "-c",
        (("http_req_rate(1s)", "http_req_rate(60s)"), ("gt 1000", "gt 1")),
    ),
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(
    name: str, folder: Path, service: Ports, *changes: tuple[str, str]
) -> Iterator[tuple[int, Path]]:
    """
    Run a proxy in front of a service.

    Args:
        name: Of `PROXIES`.
        folder: For its files.
        service: Its ports.
        changes: In the file, beside ports and certificates: what it says, what it is to say.

    Yields:
        The proxy's port, and its certificate.
    """
    proxy = PROXIES[name]
    need(shutil.which(name), f"{name}, Debian's package {proxy.package}")
    certificate, port = make_certificate(folder)[0], free_port()
    _write(folder, proxy, service, port, changes)
    command = proxy.command(folder)
    checked = subprocess.run([*command, proxy.check], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command) as process:
        try:
            until(lambda: _listens(port), f"{name} listens")
            yield port, certificate
        finally:
            process.terminate()


def _write(
    folder: Path, proxy: Proxy, service: Ports, port: int, changes: tuple[tuple[str, str], ...]
) -> None:
    file = OPS / proxy.file
    text = file.read_text()
    at_hand = {
        "127.0.0.1:8000": f"127.0.0.1:{service.http}",
        "127.0.0.1:8001": f"127.0.0.1:{service.grpc}",
        "127.0.0.1:8443": f"127.0.0.1:{port}",
        **dict(changes),
    }
    for of_file, here in at_hand.items():
        assert of_file in text, f"{file.name} names {of_file} no more"
        text = text.replace(of_file, here)
    certificate, key = (folder / one for one in ("server.pem", "server.key"))
    both = folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    for of_file, one in (("chain", certificate), ("key", key), ("both", both)):
        text = text.replace(f"/etc/ssl/fff/{of_file}.pem", str(one))
    assert "/etc/ssl" not in text
    (folder / file.name).write_text(text)
