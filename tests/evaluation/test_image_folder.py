"""Images of folders: what was written is read, and what is no image is named."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import image_folder
from evaluation.dataset import Pixels
from evaluation.errors import DatasetError
from evaluation.image_folder import ImageForm, load_image_folder, load_image_test
from tests.evaluation.image_files import GREY, LABELS, write_class_folders

COLOURS = np.random.RandomState(1).randint(0, 256, (30, 4, 6, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("images", [GREY, COLOURS], ids=["grey", "colours"])
def test_what_was_written_is_read(tmp_path: Path, images: Pixels, suffix: str) -> None:
    write_class_folders(tmp_path / "train", images, LABELS, suffix)
    write_class_folders(tmp_path / "test", images[:3], LABELS[:3], suffix)
    train, test = load_image_folder(tmp_path)
    read = train.images.reshape(-1, *(train.image_shape or ()))

    assert (train.class_names, len(test)) == (("0", "1", "2"), 3)
    assert np.array_equal(train.labels, LABELS)
    assert np.array_equal(test.images, train.images[:3])
    if suffix in (".jpg", ".webp"):  # which change pixels, and WebP makes colours of grey
        assert read.shape[:3] == images.shape[:3]
    else:
        assert np.array_equal(read, images)


def test_images_are_brought_to_a_size_as_predict_brings_them(tmp_path: Path) -> None:
    """A square of 4 in 2x2 averages; another shape is padded in its border's shade."""
    write_class_folders(tmp_path / "test", GREY[:, :4, :4], LABELS)
    (tmp_path / "test" / "0" / "00000.png").unlink()
    bar = np.zeros((4, 2), np.uint8)
    write_class_folders(tmp_path / "test", bar[None] + np.uint8(60), np.array([0]))
    rows = load_image_test(tmp_path, ImageForm((2, 2))).images
    averages = GREY[:, :4, :4].reshape(30, 2, 2, 2, 2).mean((2, 4)).reshape(30, 4)

    assert np.abs(rows[1:] - averages[1:]).max() <= 1
    assert rows[0].tolist() == [60] * 4


def test_grey_among_colours_is_taken_and_colours_turn_grey_if_asked(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "test", COLOURS, LABELS)
    Image.fromarray(GREY[29]).save(tmp_path / "test" / "2" / "00029.png")
    mixed = load_image_test(tmp_path)
    grey = load_image_test(tmp_path, ImageForm(grey=True))

    assert (mixed.image_shape, grey.image_shape) == ((4, 6, 3), (4, 6))
    assert np.array_equal(mixed.images[29].reshape(4, 6, 3), np.stack([GREY[29]] * 3, -1))
    assert np.array_equal(grey.images[29].reshape(4, 6), GREY[29])


def bomb(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # its header's width and height
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    file.write_bytes(content)


def replaced_by(image: Pixels) -> Callable[[Path], None]:
    return lambda file: Image.fromarray(image).save(file)


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {  # what is done to test/1/00015.png
    "text": (
        lambda f: f.write_text("hello"),
        r"00015.png: an image \(PNG, .* expected, it is none",
    ),
    "cut": (lambda f: f.write_bytes(f.read_bytes()[:60]), "00015.png: the image cannot be read"),
    "empty": (lambda f: f.write_bytes(b""), "00015.png: an image .* was expected"),
    "bomb": (bomb, "00015.png: an image of at most .* pixels was expected"),
    "other size": (
        replaced_by(GREY[0].T),
        r"image of 6x4 was expected, as .*00000\.png is; got 4x6",
    ),
    "colours": (replaced_by(COLOURS[0]), "00015.png: a grey image was expected, as .*has colours"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGED.values(), ids=DAMAGED)
def test_an_image_that_is_none_or_another_is_named_in_one_line(
    parts: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(parts / "test" / "1" / "00015.png")

    with pytest.raises(DatasetError, match=said) as refused:
        load_image_folder(parts)
    assert "\n" not in str(refused.value)


def test_a_file_that_may_not_be_read_is_named(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, who runs containers, may read everything, the refusal is made."""

    def refused(file: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_bytes", refused)

    with pytest.raises(DatasetError, match=r"00000\.png: cannot be read: Permission denied"):
        load_image_test(parts)


def test_more_than_memory_is_meant_for_is_refused_before_it_is_taken(
    parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_folder, "MOST_BYTES", 30 * 24 - 1)

    with pytest.raises(DatasetError, match=r"at most 719 bytes in all .* got 720: 30 of 6x4"):
        load_image_test(parts)


def test_a_file_of_too_many_bytes_is_not_read(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_folder, "MOST_FILE_BYTES", 10)

    with pytest.raises(DatasetError, match=r"png: at most 10 bytes are read"):
        load_image_test(parts)
