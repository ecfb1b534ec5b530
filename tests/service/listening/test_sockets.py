"""Which addresses are listened on, and what is said of one that cannot be."""

import contextlib
import socket
import stat

import pytest

from service.listening import sockets
from service.listening.sockets import CannotListen, listen_tcp, listen_unix, stop_listening, url_of

V4, V6 = socket.AF_INET, socket.AF_INET6


def has_ipv6() -> bool:
    try:
        with socket.socket(V6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def listening(host: str, port: int = 0):
    listeners = listen_tcp(host, port)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def resolved(monkeypatch, *addresses: tuple[int, tuple[object, ...]]) -> None:
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_the_unspecified_address_of_ipv6_takes_clients_of_both():
    with listening("::") as (listener,):
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_any_other_address_of_ipv6_takes_clients_of_ipv6_alone():
    with listening("::1") as (listener,):
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_every_address_of_a_name_is_listened_on_at_one_port(monkeypatch):
    resolved(monkeypatch, (V4, ("127.0.0.1", 0)), (V4, ("127.0.0.2", 0)), (V4, ("127.0.0.1", 0)))

    with listening("a-name") as listeners:
        hosts, ports = zip(*(listener.getsockname() for listener in listeners), strict=True)

    assert hosts == ("127.0.0.1", "127.0.0.2")
    assert len({*ports}) == 1


def test_an_address_of_a_name_that_this_machine_lacks_is_left_out(monkeypatch):
    resolved(monkeypatch, (V4, ("192.0.2.1", 0)), (V4, ("127.0.0.1", 0)))

    with listening("a-name") as (listener,):
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "why"),
    [("192.0.2.1", "cannot assign requested address"), ("a" * 64, "label")],
    ids=["another-machine's", "too-long"],
)
def test_a_host_that_is_none_is_named(host, why):
    with pytest.raises(CannotListen, match=rf"cannot listen on {host}:80: .*{why}"):
        listen_tcp(host, 80)


def test_a_port_in_use_is_told_and_nothing_stays_open(monkeypatch):
    with listening("127.0.0.1") as (taken,):
        port = taken.getsockname()[1]
        resolved(monkeypatch, (V4, ("127.0.0.2", port)), (V4, ("127.0.0.1", port)))
        with pytest.raises(CannotListen) as refused:
            listen_tcp("a-name", port)
        assert str(refused.value) == f"cannot listen on a-name:{port}: address already in use"
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.2", port)) != 0


def test_a_url_is_one_that_a_client_can_take():
    with listening("127.0.0.1") as (listener,):
        assert url_of(listener, "https") == f"https://127.0.0.1:{listener.getsockname()[1]}"


def test_a_unix_socket_is_for_everybody_who_reaches_it_and_goes_at_the_end(tmp_path):
    path = tmp_path / "socket"
    listener = listen_unix(path)

    assert stat.S_IMODE(path.stat().st_mode) == sockets.UNIX_MODE
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    stop_listening(listener)
    assert not path.exists()


def test_a_unix_socket_that_nobody_listens_on_is_replaced(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    stop_listening(listen_unix(path))


def test_a_unix_socket_in_use_and_another_file_are_left_alone(tmp_path):
    path, file = tmp_path / "socket", tmp_path / "file"
    file.write_text("mine")
    listener = listen_unix(path)

    with pytest.raises(CannotListen, match=f"cannot listen on {path}: address already in use"):
        listen_unix(path)
    with pytest.raises(CannotListen, match=f"cannot listen on {file}: a file that is not a socket"):
        listen_unix(file)
    with pytest.raises(CannotListen, match="cannot listen on .*: no such file or directory"):
        listen_unix(tmp_path / "no" / "socket")

    assert file.read_text() == "mine"
    assert path.exists()
    stop_listening(listener)
