from collections.abc import Iterator

import pytest

from tests.model_store.remote import s3


@pytest.fixture(scope="module")
def server() -> Iterator[s3.S3Server]:
    with s3.serving() as server:
        yield server
