"""Files that are given to `predict` and `explain`: images, what is wrong, and what is hostile."""

import gzip
import io
import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.service.cli.rows_files import PIXELS, ROWS, SEVEN, Command, npy, npz, picture, seven


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    return Command(monkeypatch, capsys, tmp_path)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (picture(seven()), ()),
        (picture(seven((64, 64)), "BMP"), ()),
        (picture(seven((200, 200)), "GIF"), ()),
        (picture(seven((200, 200)).convert("RGB"), "JPEG"), ()),
        (picture(ImageOps.invert(seven((80, 80)))), ("--invert",)),
    ],
    ids=["png", "bmp", "gif", "jpeg", "inverted"],
)
def test_an_image_of_a_seven_is_a_seven(command, image, options):
    code, out, err = command.ended("predict", "digits", "--json", *options, stdin=image)

    assert code == 0, err
    assert np.argmax(json.loads(out)["outputs"]) == 7
    assert "pixels 0 (black) to 16 (white)" in err


def test_light_paper_is_told_and_not_inverted_in_silence(command):
    light = picture(ImageOps.invert(seven()))

    _, _, err = command.ended("predict", "digits", stdin=light)

    assert "its border is light" in err
    assert "see --invert" in err


HOSTILE = {
    "pickle": (npy(np.array([{}], object)), "a pickle, not read"),
    "terabytes": (npy(ROWS).replace(b"(50, 6), }", b"(9999999999, 6), }")[:200], "follow"),
    "truncated-npy": (npy(ROWS)[:-5], "bytes; 1195 follow"),
    "no-header": (b"\x93NUMPY", ".npy file was expected"),
    "truncated-npz": (npz(x=ROWS)[:-40], ".npz file was expected"),
    "several-arrays": (npz(a=ROWS, b=ROWS), "holds several arrays, a, b: choose one with --array"),
    "no-array": (npz(), "it holds none"),
    "text": (npy(np.array(["a"] * 6)), "array of numbers"),
    "width": (npy(ROWS[:, :5]), "[rows, 6] was expected, got [50, 5]"),
    "no-rows": (npy(ROWS[:0]), "at least one row"),
    "empty": (b"", "it is empty"),
    "gzip": (gzip.compress(npy(ROWS))[:-9], "cannot be read"),
    "unknown": (b"1,2,3,4,5,6", "expected .npy, .npz, JSON"),
    "json": (b'{"inputs": [[1, 2', "must be JSON"),
    "json-width": (b"[[1.5, 2, 3]]", "must be [rows, 6], got [1, 3]"),
    "whole-numbers": (npy(PIXELS.astype(np.int64)), "look like pixels"),
    "idx": (b"\0\0\x08\x03\0\0", "bytes of dimensions were expected"),
    "not-square": (picture(Image.new("L", (2, 3))), "no square of pixels"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_wrong_gets_one_line_and_exit_code_1(command, toy_store, content, said):
    file = command.file("given", content)

    code, out, err = command.ended("predict", "toy", file, "--store", toy_store.root)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert str(file) in err


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_a_truncated_image_is_refused(command, form):
    whole = picture(seven((64, 64)), form)

    for size in (8, 40, len(whole) // 2):
        code, out, err = command.ended("predict", "digits", stdin=whole[:size])
        if code:  # what is whole enough to be shown is an image
            assert (code, out, err.count("\n")) == (1, "", 1)


def test_an_image_of_too_many_pixels_is_not_opened(command):
    bomb = bytearray(picture(seven()))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # its header's width and height
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")

    code, _, err = command.ended("predict", "digits", stdin=bytes(bomb))

    assert (code, err.count("\n")) == (1, 1)
    assert "an image of at most" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("predict", "nonesuch", "-"), 1, "'nonesuch' is not in the store"),
        (("predict", "digits", "nonesuch.npy"), 1, "nonesuch.npy: cannot be read: No such file"),
        (("explain", "digits-dense", "-"), 1, "'digits-dense' is a dense network"),
        (("predict", "digits", "-", "--version", "9"), 1, "not 9"),
        (("predict", "digits", "-", "--invert"), 1, "--invert is for images"),
        (("predict", "digits", "-", "--array", "x"), 1, "--array is for archives"),
        (("predict", "digits", "-", "--outputs", "leafs"), 2, "must be among logits"),
        (("predict", "digits", "-", "--datatype", "INT8"), 2, "--datatype"),
    ],
)
def test_a_mistake_is_told(command, arguments, code, said):
    ended, out, err = command.ended(*arguments, stdin=npy(SEVEN))

    assert (ended, out) == (code, "")
    assert said in err


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_without_a_file_at_a_terminal_a_file_is_asked_for(command, monkeypatch):
    monkeypatch.setattr(io, "TextIOWrapper", Terminal)

    code, _, err = command.ended("predict", "digits")

    assert code == 2
    assert "FILE" in err


def test_pillow_is_imported_for_images_alone(command):
    file = command.file("seven.npy", npy(SEVEN))
    script = (
        "import sys; from service.cli.main import app\n"
        f"app(['predict', 'digits', {str(file)!r}], standalone_mode=False)\n"
        "print('PIL' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert ended.stdout.splitlines()[-1] == "False", ended.stderr
