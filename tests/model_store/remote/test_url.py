"""What names a store: a folder, or a URL whose form is known and that holds no credentials."""

from pathlib import Path

import pytest

from fff.extras import needs_extra
from model_store.errors import LocationInvalid, StoreNotWritable
from model_store.opening import missing_package, named_store
from model_store.remote.url import parse_url, redacted
from model_store.store import DEMO_STORE


@pytest.mark.parametrize(
    "text",
    ["s3://bucket", "s3://my.bucket/a/b@c", "hf://org/repo", "hf://org/repo@v1.0/models"]
    + ["hf://org/repo@refs%2Fpr%2F1/models", "hf://datasets/org/repo/x", "file:///srv/models"],
)
def test_a_known_form_is_taken_as_it_is_without_a_slash_at_its_end(text):
    assert str(parse_url(text)) == text
    if not text.startswith("file"):
        assert str(parse_url(text + "/")) == text


@pytest.mark.parametrize(
    "text",
    ["gs://bucket", "S3://bucket", "s3://", "s3:///prefix", "s3://bucket/../x", "s3://bucket//x"]
    + ["hf://repo", "file://host/folder", "file://folder"],
)
def test_another_form_is_refused_and_what_would_fit_is_said(text):
    with pytest.raises(LocationInvalid, match=r"s3://|hf://org|file:///folder"):
        named_store(text)


@pytest.mark.parametrize(
    "text", ["s3://KEY:word@bucket/p", "hf://word@org/repo", "s3://b/p?token=word", "x://u:word@h"]
)
def test_credentials_are_refused_and_not_shown(text):
    with pytest.raises(LocationInvalid) as caught:
        named_store(text)

    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("GET https://u:word@host/a?X-Amz-Signature=word for", "GET https://host/a for"),
        ("'http://host/b?token=word'", "'http://host/b'"),
        ("http://u:w@rd@host:80/a", "http://host:80/a"),
        ("http://u:pass/word@host/a", "http://host/a"),
        ("http://word@host", "http://host"),
        ("got 'u:word@host:4318'", "got 'host:4318'"),
        *((same, same) for same in ("hf://org/repo@main/x", "http://host:80/org/repo@main/x")),
        *((same, same) for same in ("no secrets: a@b", "host:4318", "s3://bucket/a@b:c")),
    ],
)
def test_addresses_in_what_is_said_lose_their_secrets(said, shown):
    assert redacted(said) == shown


def test_a_folder_by_its_url_is_the_folder_read_only():
    store = named_store(f"file://{DEMO_STORE}")

    assert store.contents() == named_store(Path(DEMO_STORE)).contents()
    weights = store.load("digits-dense").weights
    with pytest.raises(StoreNotWritable, match="read only"):
        store.publish("digits", weights)


def test_a_missing_package_is_named_with_what_brings_it():
    said = missing_package(parse_url("s3://bucket"), "s3fs")

    assert said == needs_extra("the store s3://bucket (s3fs)", "remote")
