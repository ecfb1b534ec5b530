"""
`python -m bench.http.peers install [NAME …]`: the serving frameworks of the request-path bench.

Each gets a virtual environment of its own under `.venv-peers`, for they disagree about versions,
with the torch, numpy and numba of this one, so that the kernel is the same: 1.3 GB each. What each
is set to, and what was tried beside it, is in `bench.peers.settings`. `bench.http` asks those that
are installed, and says which are not.

Covered:      LitServe, mosec, BentoML, MLServer: on one machine, one inference worker each.
Not covered:  Triton, TEI, TorchServe, Ray Serve: not to be had from PyPI alone, or no peers on two
              cores.
"""

import argparse
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from bench.http import dialects
from bench.http.bodies import Form, Read
from bench.peers.process import ROOT, FrameworkProcess, executable
from bench.peers.settings import BATCHING, Settings, best_settings

ENVIRONMENTS = ROOT / ".venv-peers"
FAST_HTTP = ("uvloop", "httptools")  # taken by uvicorn where they are; LitServe brings them itself
SAME_VERSION = ("torch", "numpy", "numba", "safetensors", "pydantic", "orjson")


@dataclass(frozen=True, slots=True)
class Peer:
    """
    A framework.

    Attributes:
        packages: For pip, with their versions.
        command: Without the environment's folder of commands; `{port}` stands for the port.
        ready_path: Answers 200 once it serves.
        paths: By the forms that it takes.
        write: Turns a body of the bench's into one of its own dialect.
        read: Finds the logits in its answers.
        environment: Folder it is installed in, if another than its name.
    """

    packages: tuple[str, ...]
    command: tuple[str, ...]
    ready_path: str
    paths: Mapping[Form, str]
    write: dialects.Write
    read: Read
    environment: str = ""


def _module(name: str) -> tuple[str, ...]:
    return ("python", "-m", f"bench.peers.{name}_app")


PEERS: dict[str, Peer] = {
    "litserve": Peer(
        ("litserve==0.2.19", "python-multipart"),
        _module("litserve"),
        "/health",
        {"json": "/predict", "binary": "/predict"},
        dialects.form_body,
        dialects.read_plain,
    ),
    "mosec": Peer(
        ("mosec==0.9.8",),
        _module("mosec"),
        "/",
        {"json": "/json", "binary": "/binary"},
        dialects.bytes_body,
        dialects.read_plain,
    ),
    "bentoml": Peer(
        ("bentoml==1.4.39", *FAST_HTTP),
        ("bentoml", "serve", "bench.peers.bentoml_app:Network", "--port", "{port}")
        + ("--host", "127.0.0.1"),
        "/readyz",
        {"json": "/predict"},
        dialects.bytes_body,
        dialects.read_plain,
    ),
    "mlserver": Peer(
        ("mlserver==1.7.1", *FAST_HTTP),
        _module("mlserver"),
        "/v2/health/ready",
        {"json": "/v2/models/bench/infer"},
        dialects.v2_body,
        dialects.read_v2,
    ),
}
PEERS[BATCHING] = replace(PEERS["mosec"], environment="mosec")


def installed(name: str) -> bool:
    """Whether `install` has finished for a framework."""
    return (_environment(name) / "installed").exists()


def absent(names: Iterable[str]) -> list[str]:
    """List the frameworks among `names` that are not installed."""
    return [name for name in names if name in PEERS and not installed(name)]


def process(
    name: str, store: Path, model: str, settings: Settings | None = None
) -> FrameworkProcess:
    """Prepare a framework's process, set as given or to its best; entered, it starts."""
    peer = PEERS[name]
    command = [executable(_environment(name), peer.command[0]), *peer.command[1:]]
    return FrameworkProcess(command, peer.ready_path, store, model, settings or best_settings(name))


def install(name: str) -> None:
    """
    Make a framework's environment, anew if it is there.

    Raises:
        subprocess.CalledProcessError: If pip fails; it has then said why.
    """
    folder = _environment(name)
    venv.create(folder, with_pip=True, clear=True)
    same = [f"{package}=={version(package).partition('+')[0]}" for package in SAME_VERSION]
    pip = [executable(folder, "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    subprocess.run([*pip, "install", *same, *PEERS[name].packages], check=True)
    (folder / "installed").touch()


def _environment(name: str) -> Path:
    return ENVIRONMENTS / (PEERS[name].environment or name)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.http.peers", description=__doc__)
    parser.add_argument("action", choices=["install"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)}; all")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PEERS):
        parser.error(f"no framework is called {', '.join(sorted(unknown))}")
    for name in options.names or [name for name in PEERS if not PEERS[name].environment]:
        print(f"bench.http.peers: installing {name} …", file=sys.stderr)
        try:
            install(name)
        except subprocess.CalledProcessError as exc:
            print(f"bench.http.peers: {name}: pip ended with {exc.returncode}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
