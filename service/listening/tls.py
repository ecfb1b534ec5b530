"""
TLS for the main port: certificate and key from files, TLS 1.2 or later.

Covered:      what can be wrong with the files, by the name of the setting.
Not covered:  certificates of clients; new certificates while serving.
"""

import ssl
from pathlib import Path

from service.settings import Settings, SettingsError


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """
    Make the context of an HTTPS port; None where no certificate is set.

    Raises:
        SettingsError: A file that cannot be read, or that does not hold what it should.
    """
    if settings.ssl_certfile is None:
        return None
    for name in ("ssl_certfile", "ssl_keyfile"):
        _require_readable(settings, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    password = settings.ssl_keyfile_password
    try:
        context.load_cert_chain(
            settings.ssl_certfile,
            settings.ssl_keyfile,
            # Without a function OpenSSL would ask whoever started the service.
            lambda: password.get_secret_value() if password else "",
        )
    except (OSError, ValueError) as exc:  # ValueError: a password too long
        raise SettingsError(_explain(settings, exc)) from exc
    return context


def _require_readable(settings: Settings, name: str) -> None:
    path: Path | None = getattr(settings, name)
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as exc:
        raise SettingsError(f"{settings.named(name)}: {path}: {exc.strerror}") from exc


def _explain(settings: Settings, exc: Exception) -> str:
    if getattr(exc, "reason", None) == "KEY_VALUES_MISMATCH":
        why = "the key is not the certificate's"
    elif _is_certificate(settings.ssl_certfile):
        why = "there is no private key, or ssl_keyfile_password does not open it"
    else:
        return (
            f"{settings.named('ssl_certfile')}: {settings.ssl_certfile} holds no "
            "certificate in PEM format"
        )
    name = "ssl_keyfile" if settings.ssl_keyfile else "ssl_certfile"
    return f"{settings.named(name)}: {getattr(settings, name)}: {why}"


def _is_certificate(path: Path | None) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:
        return False
    return True
