"""The command line in this process, and rows as files of every format."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.idx import read_idx
from service.cli.main import main
from tests.service import toys

IDX = Path(__file__).resolve().parents[3] / "loadtest" / "data" / "digits-images.idx3-ubyte.gz"
ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
PIXELS = np.random.default_rng(1).integers(0, 256, (5, toys.WIDTH), np.uint8)
SEVEN = read_idx(IDX)[0]  # [8, 8], of 0 to 16; the README's


class Command:
    """The command line in this process, as the console script runs it."""

    def __init__(self, patch, capsys, folder: Path):
        self.patch, self.capsys, self.folder = patch, capsys, folder

    def ended(self, *arguments: object, stdin: bytes = b"") -> tuple[object, str, str]:
        self.patch.setattr(sys, "argv", ["fff-serve", *map(str, arguments)])
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = self.capsys.readouterr()
        return exit_.value.code or 0, out, err

    def printed(self, *arguments: object, stdin: bytes = b"") -> str:
        code, out, err = self.ended(*arguments, stdin=stdin)
        assert code == 0, err
        return out

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def picture(image, form="PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def seven(size=(8, 8)) -> Image.Image:
    grey = np.minimum(255, SEVEN.astype(int) * 16).astype(np.uint8)
    return Image.fromarray(grey).resize(size, Image.Resampling.NEAREST)
