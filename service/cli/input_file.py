"""
From a file, whatever it is, to the rows of a model.

The format is told by the content, so that a pipe will do. JSON is read by the service's own
parsers, so a request body is one of the forms; numbers of arrays mean what they mean to the
service: uint8 are pixels, floats are used untouched, other whole numbers are what they are in JSON.
For a model whose inputs have names, objects in JSON are rows, and what is none of the other formats
is a table.

Covered:      `.npy`, `.npz`, JSON, images, IDX, CSV, Parquet; gzip around any of them.
Not covered:  each of these formats (`image_file`, `evaluation.numpy_file`, `evaluation.idx`,
              `evaluation.table_file`, `service.protocol`); NaN, which the engine refuses.
"""

import io
import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from evaluation.idx import parse_idx
from evaluation.image_decoding import BEGINNINGS
from evaluation.numpy_file import NPY, ZIP, Archive, read_npy
from evaluation.table_file import PARQUET, read_table
from evaluation.table_samples import encode_table, text_columns
from model_store.manifest import Manifest
from service.cli import image_file
from service.cli.input_bytes import MOST_BYTES
from service.errors import InvalidInput, ServiceError, short_repr
from service.job import Rows
from service.protocol.infer_request import parse_infer
from service.protocol.pixels import refuse_pixels
from service.protocol.plain_json import parse_plain
from service.protocol.rows import to_rows
from service.protocol.tensor_bytes import scaled

_INFER_BODY = re.compile(rb'"inputs"\s*:\s*\[\s*\{')
"""What the protocol's bodies have, and plain ones cannot have."""
_FIELDS = re.compile(rb'"(inputs|rows)"\s*:')
"""What plain bodies have, one or the other; an object without is a row by name."""
USUAL_NAMES = ("x", "inputs")
"""Of the array of an archive."""
_FORMATS = "expected .npy, .npz, JSON, an image (PNG, JPEG, …) or IDX"


class Input(NamedTuple):
    """
    What a file holds.

    Attributes:
        rows: `[r, i]`, float32, writable.
        outputs: Names that a request body asks for; None where it is none, or names none.
        note: What its user must know of how it was read; empty for nothing.
    """

    rows: Rows
    outputs: tuple[str, ...] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class InputReader:
    """
    Reads rows for one model.

    Attributes:
        manifest: Of the model.
        datatype: What the numbers are, `FP32` or `UINT8`; None for what their type says.
        array: Which one of an archive; None for the only or the usual one.
        invert: Whether an image is inverted.
    """

    manifest: Manifest
    datatype: str | None = None
    array: str | None = None
    invert: bool = False

    @property
    def most_numbers(self) -> int:
        """Of a request body: any number, for they are computed in batches."""
        return 1 << 62

    @property
    def tokenizer(self) -> None:
        """None: texts are for the service."""
        return None

    def read(self, content: bytes) -> Input:
        """
        Read rows, at least one.

        Raises:
            DatasetError: It is none of the formats, or does not fit the model.
        """
        try:
            return self._read(content)
        except ServiceError as exc:
            raise DatasetError(str(exc)) from exc

    def _read(self, content: bytes) -> Input:
        text = content.lstrip(b" \t\r\n")[:1]
        if self.invert and not content.startswith(BEGINNINGS):
            raise DatasetError("--invert is for images, this is none")
        if self.array is not None and not content.startswith(ZIP):
            raise DatasetError("--array is for archives (.npz), this is none")
        if content.startswith(NPY):
            return self._of_array(read_npy(content))
        if content.startswith(ZIP):
            archive = Archive(io.BytesIO(content), MOST_BYTES)
            return self._of_array(archive.read(_chosen(archive.names, self.array)))
        if content.startswith(BEGINNINGS):
            image = image_file.read_image(content, self.manifest, self.invert)
            return self._of_array(image.pixels)._replace(note=image.done)
        if content.startswith(b"\0\0"):
            return self._of_array(parse_idx(io.BytesIO(content), "IDX"))
        if text in (b"[", b"{"):
            return self._of_list(content) if text == b"[" else self._of_body(content)
        if self.manifest.inputs is not None:
            return self._of_table(content)
        if content.startswith(PARQUET):
            raise DatasetError(
                "tables are for models whose inputs have names, this one's have none"
            )
        raise DatasetError(f"{_FORMATS}; it begins with {short_repr(content[:8])}")

    def _of_body(self, body: bytes) -> Input:
        """Read a request body, which may say everything itself."""
        if self.datatype is not None:
            raise DatasetError("a request body says its datatype itself: leave out --datatype")
        if self.manifest.inputs is not None and not _FIELDS.search(body):
            body = b'{"rows":[%b]}' % body
        if not _INFER_BODY.search(body):
            return Input(parse_plain(body, b"", self).rows)
        request = parse_infer(body, b"", self)
        named = b'"outputs"' in body
        return Input(request.rows, request.requested.outputs if named else None)

    def _of_list(self, text: bytes) -> Input:
        """Read a bare list: rows, or the numbers of one."""
        text = text.strip()
        if text[1:].lstrip().startswith(b"{"):
            if self.datatype is not None:
                raise DatasetError("rows by name have no datatype: leave out --datatype")
            return Input(parse_plain(b'{"rows":%b}' % text, b"", self).rows)
        one_row = not text[1:].lstrip().startswith(b"[")
        rows = b"[%b]" % text if one_row else text
        datatype = (self.datatype or "FP32").encode()
        return Input(
            parse_plain(b'{"datatype":"%b","inputs":%b}' % (datatype, rows), b"", self).rows
        )

    def _of_table(self, content: bytes) -> Input:
        """Read a table, which may have more columns than the model takes."""
        inputs = self.manifest.inputs or []
        if self.datatype is not None:
            raise DatasetError("a table has no datatype: leave out --datatype")
        table = read_table(content, "table", text_columns(inputs))
        known = {column.name for column in inputs}
        others = ", ".join(repr(name) for name in table.names if name not in known)
        note = f"columns that are no inputs are left alone: {others}" if others else ""
        return Input(encode_table(table, inputs), note=note)

    def _of_array(self, array: npt.NDArray[Any]) -> Input:
        if array.dtype.kind not in "iuf":
            raise InvalidInput(f"an array of numbers was expected, got {array.dtype}")
        width, scaling = self.manifest.input_width, self.manifest.uint8
        numbers = array.reshape(_rows(array.shape, width), width)
        note = ""
        if array.dtype == np.uint8 and self.datatype != "FP32":
            rows = scaled(numbers, scaling)
        elif array.dtype.kind == "f" and self.datatype != "UINT8":
            with np.errstate(over="ignore"):  # becomes infinite, which the engine refuses
                rows = numbers.astype(np.float32, copy=False)
            note = self._looks(rows)
        else:
            whole = _as_whole(numbers) if array.dtype.kind == "f" else numbers
            rows = to_rows(whole, "numbers", self.datatype or "FP32", width, scaling)
        # Writable, as torch wants what it is to share.
        return Input(np.require(rows, np.float32, ["C", "W"]), note=note)

    def _looks(self, rows: Rows) -> str:
        """Say that floats, which are used untouched, may be meant as pixels."""
        if self.datatype is not None or not np.isfinite(rows.item(0)):
            return ""
        try:
            refuse_pixels(rows, "floats are used untouched, and these", self.manifest.uint8)
        except InvalidInput as exc:
            return str(exc).replace("send datatype UINT8", "give --datatype UINT8")
        return ""


def _chosen(names: list[str], wanted: str | None) -> str:
    """Name one array of an archive: the one that is wanted, else the only or a usual one."""
    if not names:
        raise DatasetError("an archive of arrays (.npz) was expected, it holds none")
    if wanted is not None:
        if wanted not in names:
            raise DatasetError(f"it holds no array {wanted!r}; it holds {', '.join(names)}")
        return wanted
    usual = names if len(names) == 1 else [name for name in USUAL_NAMES if name in names]
    if not usual:
        raise DatasetError(f"it holds several arrays, {', '.join(names)}: choose one with --array")
    return usual[0]


def _rows(shape: tuple[int, ...], width: int) -> int:
    """How many rows of a width an array holds: in rows, in images, or as a single one."""
    if math.prod(shape) == 0:
        raise InvalidInput(f"at least one row of {width} numbers was expected, got {list(shape)}")
    if len(shape) >= 2 and math.prod(shape[1:]) == width:
        return shape[0]
    if math.prod(shape) == width:
        return 1
    raise InvalidInput(f"an array [rows, {width}] was expected, got {list(shape)}")


def _as_whole(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Floats that are said to be pixels, as whole numbers if that is what they are."""
    whole = bool(np.isfinite(numbers).all()) and bool((numbers == np.floor(numbers)).all())
    return numbers.clip(-1, 256).astype(np.int64) if whole else numbers
