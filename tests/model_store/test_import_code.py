"""Nothing in an imported file is executed, and what it would have called is named."""

import io
import os
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from model_store.errors import ImportRefused
from model_store.import_pickle import refuse_code
from model_store.importers import Imported, import_checkpoint
from tests.model_store import foreign, hostile


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_checkpoint_is_refused_by_name_and_not_run(protocol: int, tmp_path: Path) -> None:
    state = foreign.fastfeedforward() | {"f": Canary(tmp_path / "ran")}
    torch.save(state, tmp_path / "model", pickle_protocol=protocol)

    with pytest.raises(ImportRefused, match=r"carries code: .*\.mkdir; only tensors are imported"):
        import_checkpoint(tmp_path / "model")

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("case", hostile.CALLS)
def test_every_way_to_call_a_function_is_seen(case: str, tmp_path: Path) -> None:
    pickle, name = hostile.CALLS[case]

    with pytest.raises(ImportRefused, match=re.escape(f"carries code: {name}; only tensors")):
        import_checkpoint(hostile.with_pickle(tmp_path / "model", pickle))


def test_a_pickled_module_is_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "model")

    with pytest.raises(
        ImportRefused, match=r"torch\.nn\.modules\.linear\.Linear.* save its state_dict\(\) instead"
    ):
        import_checkpoint(tmp_path / "model")


def test_the_packages_own_module_is_recognised_without_the_package(tmp_path: Path) -> None:
    pickle = b"\x80\x02cfastfeedforward.fff\nFFF\n)\x81}b."

    with pytest.raises(
        ImportRefused, match=r"fastfeedforward\.fff\.FFF; .* save its state_dict\(\) instead"
    ):
        import_checkpoint(hostile.with_pickle(tmp_path / "model", pickle))


def test_a_message_names_the_first_of_many_functions() -> None:
    pickle = b"".join(b"cm\nf%d\n" % k for k in range(9)) + b"."

    with pytest.raises(ImportRefused, match=r"m\.f0, m\.f1, m\.f2, m\.f3, m\.f4 and 4 more"):
        refuse_code(pickle, "file")


def test_another_pickle_protocol_is_refused_with_how_to_save_again(tmp_path: Path) -> None:
    torch.save(foreign.fastfeedforward(), tmp_path / "model", pickle_protocol=4)

    with pytest.raises(ImportRefused, match="protocol 2 was expected, got 4; save it again"):
        import_checkpoint(tmp_path / "model")


HONEST = hostile.entries()
PICKLE = HONEST["data.pkl"]


def honest_file() -> bytes:
    buffer = io.BytesIO()
    torch.save(foreign.fastfeedforward(), buffer)
    return buffer.getvalue()


def outcome(path: Path) -> Imported | ImportRefused:
    try:
        return import_checkpoint(path)
    except ImportRefused as exc:
        return exc


@given(st.integers(0, len(PICKLE) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_a_changed_pickle_is_imported_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, put: bytes, drop: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "model"

    outcome(hostile.with_pickle(path, PICKLE[:at] + put + PICKLE[at + drop :]))


@given(st.floats(0, 1, exclude_max=True), st.binary(max_size=6), st.integers(0, 6))
def test_a_changed_file_is_imported_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: float, put: bytes, drop: int
) -> None:
    path, whole = tmp_path_factory.mktemp("fuzz") / "model", honest_file()
    start = int(at * len(whole))
    path.write_bytes(whole[:start] + put + whole[start + drop :])

    outcome(path)
