"""What was built, installed into a fresh environment elsewhere, and asked for a prediction."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ops.release.build import run
from ops.release.errors import ReleaseRefused

# Runs in the fresh environment: a service on a free port, and the client's seven.
_ASK = """
import os, socket, subprocess, sys
from pathlib import Path
import fff_client, service
probe = socket.socket(); probe.bind(("127.0.0.1", 0)); port = str(probe.getsockname()[1])
probe.close()
command = Path(sys.executable).with_name("fff-serve")
running = subprocess.Popen([command, "serve", "--port", port])
try:
    with fff_client.Client("http://127.0.0.1:" + port, timeout_s=60) as client:
        client.wait_until_ready(120)
        row = [0,0,1,14,16,16,15,1, 0,0,11,14,8,13,11,0, 0,0,15,6,0,14,3,0, 0,0,5,1,5,13,1,0,
               0,0,0,13,16,16,9,0, 0,0,2,16,15,9,1,0, 0,0,0,11,9,0,0,0, 0,0,3,16,2,0,0,0]
        import numpy as np
        print(int(client.predict("digits", np.array(row, np.uint8)).classes[0]), service.__file__)
finally:
    running.terminate()
    assert running.wait(60) == 0
"""


def install(archives: dict[str, Path], constraints: Path, folder: Path) -> Path:
    """
    A fresh environment with both wheels and, by constraints.txt, what they need; its interpreter.

    Raises:
        ReleaseRefused: If that fails.
    """
    run([sys.executable, "-m", "venv", str(folder)])
    python = folder / "bin/python"
    wheels = [str(archives[kind].resolve()) for kind in ("wheel", "client")]
    run([str(python), "-m", "pip", "install", "-q", "-c", str(constraints), *wheels], _clean())
    return python


def predict(python: Path, home: Path) -> str:
    """
    Serve the demo from the installed wheel and ask it for a seven by the installed client.

    Raises:
        ReleaseRefused: If the service does not come up, does not answer 7, or is not the wheel's.
    """
    answer = run([str(python), "-c", _ASK], _clean() | {"HOME": str(home)}).strip()
    digit, _, file = answer.splitlines()[-1].partition(" ")
    if digit != "7" or not file.startswith(str(python.parents[1])):
        raise ReleaseRefused(f"7 by the installed wheel was expected, got {answer}")
    return "the demo, served from the wheel, sees a 7"


def bill_of_materials(python: Path, out: Path, name: str) -> str:
    """Write what the environment holds, as CycloneDX 1.6; the image has one of its own."""
    inspected = json.loads(run([str(python), "-m", "pip", "inspect", "--local"], _clean()))
    components = [_component(entry["metadata"]) for entry in inspected["installed"]]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    text = json.dumps(bill | {"components": sorted(components, key=lambda c: c["purl"])}, indent=1)
    (out / name).write_text(text + "\n")
    return f"{name}, {len(components)} packages"


def _component(metadata: dict[str, Any]) -> dict[str, str]:
    name, version = metadata["name"], metadata["version"]
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


def _clean() -> dict[str, str]:
    """This process's environment, without what would bring a checkout or settings in."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in ours and not k.startswith("FFF_")}
