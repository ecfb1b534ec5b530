"""
The sockets that the service listens on.

Bound before anything is loaded, so that an address in use is told at once.

Covered:      TCP by address or name, IPv4 and IPv6; a Unix socket.
Not covered:  what is done with connections (`accepting`).
"""

import errno
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

BACKLOG = 2048
"""Connections that wait to be accepted; uvicorn's number. Linux takes at most `somaxconn`."""
UNIX_MODE = 0o666
"""Of a Unix socket, as uvicorn has it: who may reach it, its folder says."""
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""One of the addresses of a name that this machine does not have, such as `::1` without IPv6."""

Address = tuple[socket.AddressFamily, tuple[str, int, *tuple[int, ...]]]


class CannotListen(RuntimeError):
    """An address that cannot be listened on; the message names it and says why."""


def listen_tcp(host: str, port: int) -> list[socket.socket]:
    """
    Listen on every address of a host.

    Args:
        host: An address or a name; `::` is all of IPv6 and IPv4, empty is every address.
        port: 0 lets the system choose one, the same for all addresses.

    Raises:
        CannotListen: None of the addresses is this machine's, or one is in use.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return _listen_on_all(_addresses(host, port))
    except (OSError, ValueError) as exc:  # ValueError: no host at all, such as 64 letters
        raise CannotListen(f"cannot listen on {where}: {_reason(exc)}") from exc


def listen_unix(path: Path) -> socket.socket:
    """
    Listen on a Unix socket; one that was left behind and that nobody listens on is replaced.

    Raises:
        CannotListen: Somebody listens there, it is another kind of file, or it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        path.chmod(UNIX_MODE)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise CannotListen(f"cannot listen on {path}: {_reason(exc)}") from exc
    listener.setblocking(False)
    return listener


def stop_listening(listener: socket.socket) -> None:
    """Close a socket; the file of a Unix socket goes first, while nobody else can have it."""
    if listener.family == socket.AF_UNIX:
        Path(listener.getsockname()).unlink(missing_ok=True)
    listener.close()


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Where a socket is reached."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _addresses(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))  # type: ignore[misc]


def _listen_on_all(addresses: list[Address]) -> list[socket.socket]:
    both = [address for _, (address, *_) in addresses] == ["::"]
    absent: OSError | None = None
    listening: list[socket.socket] = []
    with ExitStack() as opened:
        for family, (host, port, *more) in addresses:
            port = port or (listening[0].getsockname()[1] if listening else 0)
            try:
                listener = opened.enter_context(_listen(family, (host, port, *more), both))
            except OSError as exc:
                if exc.errno not in _ABSENT:
                    raise
                absent = exc
            else:
                listening.append(listener)
        opened.pop_all()
    if absent and not listening:
        raise absent
    return listening


def _listen(
    family: socket.AddressFamily, address: tuple[str | int, ...], both: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listener.bind(address)
        # Not later: two sockets can be bound to one port, and only one can listen.
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _remove_stale(path: Path) -> None:
    """
    Remove a socket's file that nobody listens on.

    Raises:
        OSError: EADDRINUSE, if somebody does, or it is another kind of file.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "a file that is not a socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # its backlog is full: somebody listens
    raise OSError(errno.EADDRINUSE, "address already in use")


def _reason(exc: OSError | ValueError) -> str:
    text = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
    return text[:1].lower() + text[1:]
