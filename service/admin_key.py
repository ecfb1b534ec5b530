"""Who may change what is served: whoever holds the administrator's key."""

import hmac

from pydantic import SecretStr

from service.errors import AdminDisabled, KeyRequired


def require_admin_key(key: SecretStr | None, authorization: bytes | None) -> None:
    """
    Let an administrator's call through.

    Args:
        key: The setting `admin_key`; None if it is not set.
        authorization: The call's `Authorization` header, or None.

    Raises:
        AdminDisabled: No key is configured.
        KeyRequired: None came, in another scheme, or a wrong one.
    """
    if key is None:
        raise AdminDisabled("loading and unloading need the setting admin_key, which is not set")
    scheme, _, given = (authorization or b"").partition(b" ")
    if scheme.lower() != b"bearer":
        raise KeyRequired("the header must be Authorization: Bearer KEY, with the admin key")
    # In constant time: how long a wrong key takes must not tell how much of it is right.
    # The escapes are what Python makes of a variable's bytes that are not UTF-8.
    right = key.get_secret_value().encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given.strip(), right):
        raise KeyRequired("the admin key is another one")
