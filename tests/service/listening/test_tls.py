"""HTTPS, and what is said of files that cannot be used for it."""

import json
import ssl

import httpx
import pytest
from pydantic import SecretStr

from service.listening.tls import server_context
from service.settings import Settings, SettingsError, load_settings
from tests.service import toys
from tests.service.listening.certificates import PASSWORD, make_certificate


def context(**settings: object) -> ssl.SSLContext | None:
    return server_context(Settings(**settings))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    both = folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    junk = folder / "junk"
    junk.write_text("nothing")
    return {"certificate": certificate, "key": key, "both": both, "junk": junk}


def test_without_a_certificate_there_is_no_tls():
    assert context() is None


def test_old_versions_of_tls_are_not_spoken(files):
    made = context(ssl_certfile=files["certificate"], ssl_keyfile=files["key"])

    assert made is not None
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_key_may_be_in_the_certificates_file(files):
    assert context(ssl_certfile=files["both"]) is not None


def test_an_encrypted_key_is_opened_and_its_password_shown_nowhere(tmp_path):
    certificate, key = make_certificate(tmp_path, password=PASSWORD)
    settings = {"ssl_certfile": certificate, "ssl_keyfile": key}

    assert context(**settings, ssl_keyfile_password=SecretStr(PASSWORD)) is not None
    for wrong in ({}, {"ssl_keyfile_password": SecretStr("guess")}):
        with pytest.raises(
            SettingsError, match="ssl_keyfile: .*ssl_keyfile_password does not"
        ) as e:
            context(**settings, **wrong)
        assert "guess" not in str(e.value)


def test_a_file_that_cannot_be_used_is_named_with_its_setting(files, tmp_path):
    other, _ = make_certificate(tmp_path, "other")
    absent, good, key = tmp_path / "absent", files["certificate"], files["key"]
    for certificate, private, said in (
        (absent, None, r"ssl_certfile: .*absent: No such file"),
        (good, absent, r"ssl_keyfile: .*absent: No such file"),
        (tmp_path, None, r"ssl_certfile: .*: Is a directory"),
        (files["junk"], key, r"ssl_certfile: .*junk holds no certificate in PEM"),
        (good, files["junk"], r"ssl_keyfile: .*junk: there is no private key"),
        (good, None, r"ssl_certfile: .*server.pem: there is no private key"),
        (other, key, r"ssl_keyfile: .*server.key: the key is not the certificate's"),
    ):
        with pytest.raises(SettingsError, match=said):
            context(ssl_certfile=certificate, ssl_keyfile=private)


def test_a_key_without_a_certificate_is_a_mistake():
    with pytest.raises(SettingsError, match="need ssl_certfile"):
        load_settings({}, environ={"FFF_SSL_KEYFILE": "/key"})


def test_the_main_port_speaks_https_and_the_one_for_probes_http(files, toy_store):
    trusted = ssl.create_default_context(cafile=files["certificate"])
    arguments = ["--ssl-certfile", str(files["certificate"]), "--ssl-keyfile", str(files["key"])]
    body = json.dumps({"inputs": [[0.5] * toys.WIDTH]})

    with toys.live("--store", str(toy_store.root), "--ops-port", "0", *arguments) as service:
        with httpx.Client(verify=trusted, base_url=service.url) as client:
            for _ in range(2):
                answer = client.post("/v1/models/toy/predict", content=body)
                assert answer.status_code == 200
        (line,) = [line for line in service.log if "probes and metrics are also on" in line]
        assert httpx.get(line.rpartition(" ")[2] + "/readyz").status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(service.url.replace("https", "http") + "/readyz")
        code = service.stop()

    assert service.url.startswith("https://127.0.0.1:")
    assert code == 0
    assert not [line for line in service.log if "Traceback" in line]
