"""
What is said where permissions refuse: which user lacks them, so that whoever mounted the folder can
give it the right. The system's calls refuse here by patches: the superuser may do all.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from model_store.errors import StoreError, refusal
from model_store.store import Store
from tests.fff.networks import dense
from tests.model_store.conftest import ORIGIN

ACTS: dict[str, tuple[str, Callable[[Store], object], str]] = {
    "list": ("scandir", Store.models, "the store {root} cannot be listed"),
    "list a model": ("scandir", lambda s: s.versions("toy"), "'toy': its folder cannot be listed"),
    "look": ("stat", Store.models, "the store {root}"),
    "load": ("open", lambda s: s.load("toy"), "manifest.json cannot be opened"),
    "publish": (
        "mkdir",
        lambda s: s.publish("new", dense(6, 7, 4), origin=ORIGIN),
        "the store {root} cannot be written",
    ),
    "remove": ("rename", lambda s: s.remove("toy"), "toy cannot be removed"),
}


@pytest.mark.parametrize("act", ACTS)
def test_who_may_not_is_told_by_number(
    act: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, try_it, said = ACTS[act]

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(StoreError) as caught:
            try_it(store)

    message = str(caught.value)
    assert said.format(root=store.root) in message
    assert f": Permission denied: user {os.geteuid()} may not " in message
    assert "[Errno" not in message


def test_the_folder_that_is_not_writable_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may be this user's and a model in it another's."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", refuse)
        with pytest.raises(StoreError, match=f"may not write to {store.root}/toy$"):
            store.publish("toy", dense(6, 7, 4), origin=ORIGIN)


def test_what_has_nothing_to_do_with_permissions_names_nobody() -> None:
    assert refusal(OSError(28, "No space left on device"), "write it") == "No space left on device"
    assert refusal(OSError("timed out"), "read it") == "timed out"
