import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import evaluation.idx
from evaluation.errors import DatasetError
from evaluation.idx import read_idx, write_idx

NUMBERS = np.arange(24, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(24,), (2, 12), (2, 3, 4), (1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_was_written_is_read(tmp_path: Path, shape: tuple[int, ...], suffix: str) -> None:
    path = tmp_path / f"numbers{suffix}"
    write_idx(path, NUMBERS.reshape(shape))

    assert np.array_equal(read_idx(path), NUMBERS.reshape(shape))


def test_gzip_is_recognised_by_content_not_by_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "numbers.gz", NUMBERS)
    renamed = (tmp_path / "numbers.gz").rename(tmp_path / "numbers")

    assert np.array_equal(read_idx(renamed), NUMBERS)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        write_idx(tmp_path / name, NUMBERS)

    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def idx(*shape: int, element: int = 8, dims: int | None = None, content: bytes = b"") -> bytes:
    head = struct.pack(">HBB", 0, element, len(shape) if dims is None else dims)
    return head + struct.pack(f">{len(shape)}I", *shape) + content


REFUSED = {  # what the message says, by what the file holds
    "empty": (b"", "4 bytes of magic number were expected, got 0"),
    "text": (b"label,pixel0", "starts with 00 00 08, got 6c 61 62"),
    "floats": (idx(2, element=0x0D), "starts with 00 00 08, got 00 00 0d"),
    "no-dimension": (idx(), "1 to 4 dimensions were expected, got 0"),
    "too-many-dimensions": (idx(1, 1, 1, 1, 1), "1 to 4 dimensions were expected, got 5"),
    "cut-in-the-header": (idx(2, dims=3), "12 bytes of dimensions were expected, got 4"),
    "no-rows": (idx(0, 28, 28), r"every dimension must be at least 1, got \[0, 28, 28\]"),
    "truncated": (idx(2, 3, content=b"12345"), r"6 bytes of elements \[2, 3\].*got 5"),
    "too-long": (idx(2, 3, content=b"1234567"), "more than its 6 bytes follow"),
    "announces-exabytes": (
        idx(2**31, 2**31),
        "at most 4,294,967,296 bytes.* 4,611,686,018,427,387,904",
    ),
    "announces-gigabytes": (idx(2**16, 2**15, content=b"1"), "2147483648 bytes.*got 1"),
    "truncated-gzip": (gzip.compress(idx(3, content=b"123"))[:-9], "reading it failed"),
    "damaged-gzip": (b"\x1f\x8b" + bytes(30), "reading it failed"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_not_what_its_header_says_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(DatasetError, match=message):
        read_idx(tmp_path / "file")


def test_a_small_file_of_much_is_refused_by_what_it_inflates_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "numbers.gz", np.zeros((1000, 1000), np.uint8))
    monkeypatch.setattr(evaluation.idx, "MOST_BYTES", 999_999)

    with pytest.raises(DatasetError, match="at most 999,999 bytes are read, .* 1,000,000"):
        read_idx(tmp_path / "numbers.gz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.gz: an IDX file was expected"):
        read_idx(tmp_path / "nowhere.gz")


def test_only_unsigned_bytes_are_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"uint8 with 1 to 4 dimensions.*got float64 \[2\]"):
        write_idx(tmp_path / "file", np.zeros(2))  # type: ignore[arg-type]  # the point
