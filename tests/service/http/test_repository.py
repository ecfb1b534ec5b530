"""Who may load and unload, and what the bodies of the repository's calls may hold."""

import json
import logging
import os

import pytest
from pydantic import SecretStr

from service.settings import Settings, SettingsError, load_settings
from tests.service import toys

KEY = "correct horse battery staple"
LOAD, UNLOAD = "/v2/repository/models/toy/load", "/v2/repository/models/toy/unload"


@pytest.fixture
async def admin(toy_store):
    async with toys.running(store=toy_store.root, admin_key=KEY) as (_, client):
        yield client


@pytest.mark.parametrize("path", [LOAD, UNLOAD])
async def test_without_a_configured_key_nobody_may(client, path):
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": "Bearer "}):
        refused = await client.post(path, headers=headers)
        assert refused.status_code == 403
        assert "admin_key, which is not set" in refused.json()["error"]
    assert (await client.get("/v2/models/toy/ready")).status_code == 200


@pytest.mark.parametrize("path", [LOAD, UNLOAD, LOAD.replace("toy", "nope")])
@pytest.mark.parametrize(
    "sent",
    [None, "", KEY, "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}"],
)
async def test_no_key_and_a_wrong_key_are_refused_alike(admin, path, sent):
    """A model that is not there too: what is served is no stranger's business."""
    refused = await admin.post(path, headers={} if sent is None else {"Authorization": sent})

    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert KEY not in refused.json()["error"]
    assert (await admin.get("/v2/models/toy/ready")).status_code == 200


@pytest.mark.parametrize("key", [KEY.encode(), "schlüssel".encode(), "schlüssel".encode("latin-1")])
@pytest.mark.parametrize("around", ["{}", " {}\r\n"])
async def test_the_right_key_opens(toy_store, key, around):
    """Whatever bytes the variable had, without the blanks around them."""
    settings = load_settings({}, environ={"FFF_ADMIN_KEY": around.format(os.fsdecode(key))})
    async with toys.running(store=toy_store.root, admin_key=settings.admin_key) as (_, client):
        for scheme in (b"Bearer ", b"bearer "):
            headers = {"Authorization": scheme + key}
            assert (await client.post(LOAD, headers=headers)).status_code == 200


def test_the_key_is_shown_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    settings = load_settings({}, environ={"FFF_ADMIN_KEY": KEY})
    shown = [repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())]
    with pytest.raises(SettingsError, match=r"FFF_ADMIN_KEY") as broken:
        load_settings({}, environ={"FFF_ADMIN_KEY": f"{KEY}\nx"})
    with pytest.raises(SettingsError) as wrong:
        load_settings({}, environ={"FFF_ADMIN_KEY": KEY, "FFF_MAX_BATCH_ROWS": "99999"})
    assert KEY not in " ".join([*shown, str(broken.value), str(wrong.value), caplog.text])
    key = Settings(admin_key=SecretStr(KEY)).admin_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_a_key_that_is_no_text_is_not_shown_either(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("admin_key = 31337")
    with pytest.raises(
        SettingsError, match=r"setting admin_key \(admin_key in .*\.toml\)"
    ) as caught:
        load_settings({}, config, environ={})
    assert "31337" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v2/repository/index", "[]", "a JSON object, got an array"),
        ("/v2/repository/index", '{"ready": 1}', "true or false, got 1"),
        ("/v2/repository/index", '{"all": true}', "got also all"),
        (LOAD, "{", "must be JSON"),
        (LOAD, '{"parameters": []}', "parameters must be an object"),
        (LOAD, '{"parameters": {"config": "{}"}}', "without parameters; got config"),
        (LOAD, '{"parameters": {"file:1/x": "eA=="}}', "got file:1/x"),
        (UNLOAD, '{"parameters": {"force": true}}', "unload_dependents; got force"),
    ],
)
async def test_a_body_that_asks_for_more_is_refused(admin, path, body, said):
    headers = {"Authorization": f"Bearer {KEY}"}
    refused = await admin.post(path, content=body, headers=headers)
    assert (refused.status_code, list(refused.json())) == (400, ["error"])
    assert said in refused.json()["error"]
    assert (await admin.get("/v2/models/toy/ready")).status_code == 200


async def test_files_sent_along_are_not_even_read_whole(admin):
    body = json.dumps({"parameters": {"file:1/model.safetensors": "A" * 100_000}})
    refused = await admin.post(LOAD, content=body, headers={"Authorization": f"Bearer {KEY}"})
    assert (refused.status_code, "65536 bytes" in refused.json()["error"]) == (413, True)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false}'])
async def test_the_index_needs_neither_a_body_nor_a_key(admin, body):
    listing = await admin.post("/v2/repository/index", content=body)
    assert (listing.status_code, len(listing.json())) == (200, 2)
