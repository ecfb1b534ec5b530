"""Certificates for tests, made by the openssl command."""

import shutil
import subprocess
from pathlib import Path

import pytest

PASSWORD = "a secret"


def make_certificate(folder: Path, name: str = "server", password: str = "") -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key, encrypted with a password."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-out", str(certificate), "-keyout", str(key)]
        + (["-passout", f"pass:{password}"] if password else ["-nodes"]),
        check=True,
        capture_output=True,
    )
    return certificate, key
