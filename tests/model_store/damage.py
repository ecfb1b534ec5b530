"""Every kind of damage that a version of a model can have, and what is said of it."""

import os
from collections.abc import Callable
from pathlib import Path

from model_store.version_files import MANIFEST_FILE, WEIGHTS_FILE

_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def _change(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _loop(folder: Path) -> None:
    _empty(folder)
    folder.rmdir()
    folder.symlink_to(folder.name)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "short-file": (lambda f: os.truncate(f / WEIGHTS_FILE, 100), "the file has"),
    "empty-file": (lambda f: os.truncate(f / WEIGHTS_FILE, 0), "the file has"),
    "changed-file": (lambda f: _change(f / WEIGHTS_FILE), "the file has"),
    "wrong-hash": (
        lambda f: (f / MANIFEST_FILE).write_text(
            (f / MANIFEST_FILE).read_text().replace('"sha256": "', '"sha256": "0000')
        ),
        "sha256: String should match pattern",
    ),
    "pipe": (
        lambda f: _replace(f / WEIGHTS_FILE, os.mkfifo),
        "must be a regular file, it is a pipe",
    ),
    "pipe-manifest": (
        lambda f: _replace(f / MANIFEST_FILE, os.mkfifo),
        "manifest.json must be a regular file, it is a pipe",
    ),
    "device": (
        lambda f: _replace(f / WEIGHTS_FILE, lambda p: p.symlink_to("/dev/zero")),
        "must be a regular file, it is a device",
    ),
    "device-manifest": (
        lambda f: _replace(f / MANIFEST_FILE, lambda p: p.symlink_to("/dev/zero")),
        "manifest.json must be a regular file, it is a device",
    ),
    "folder": (lambda f: _replace(f / WEIGHTS_FILE, Path.mkdir), "it is a folder"),
    "folder-manifest": (lambda f: _replace(f / MANIFEST_FILE, Path.mkdir), "it is a folder"),
    "link-loop": (
        lambda f: _replace(f / WEIGHTS_FILE, lambda p: p.symlink_to(p.name)),
        "is a link that leads in a circle",
    ),
    "link-loop-version": (_loop, "is a link that leads in a circle"),
    "link-to-nowhere": (
        lambda f: _replace(f / WEIGHTS_FILE, lambda p: p.symlink_to("elsewhere")),
        "model.safetensors is missing",
    ),
    "empty-version": (_empty, "manifest.json is missing"),
    "lfs-pointer": (lambda f: (f / WEIGHTS_FILE).write_bytes(_POINTER), "is a Git LFS pointer"),
    "lfs-pointer-manifest": (
        lambda f: (f / MANIFEST_FILE).write_bytes(_POINTER),
        "is a Git LFS pointer",
    ),
    "huge-manifest": (
        lambda f: os.truncate(f / MANIFEST_FILE, 1 << 40),
        "manifest.json may hold 67,108,864 bytes",
    ),
    "no-manifest": (lambda f: (f / MANIFEST_FILE).write_text("[]"), "manifest"),
    "deep-manifest": (lambda f: (f / MANIFEST_FILE).write_text("[" * 100_000), "manifest"),
}
"""By name: what it does to a version's folder, and what is said of it."""
