"""Where gRPC listens: as HTTP does, or nowhere and with the reason."""

import socket

import grpc
import pytest

from service.grpc.port import PortUnavailable, listen, server_options

IPV4, IPV6 = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")


def reached(family: int, address: str, port: int) -> bool:
    with socket.socket(family) as asking:
        return asking.connect_ex((address, port)) == 0


@pytest.mark.parametrize(
    ("host", "at"),
    [("127.0.0.1", {IPV4}), ("::1", {IPV6}), ("::", {IPV4, IPV6}), ("localhost", {IPV4, IPV6})],
)
async def test_names_and_both_kinds_of_addresses_are_listened_on(host, at):
    server = grpc.aio.server(options=server_options(1024))
    port = listen(server, host, 0)
    await server.start()

    got = {where for where in (IPV4, IPV6) if reached(*where, port)}
    await server.stop(0)

    assert got == at


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("192.0.2.1", "192.0.2.1:0: Cannot assign requested address"),
        ("no.such.host.invalid", "no.such.host.invalid:0: .*[Nn]ame"),
        ("::2", r"\[::2\]:0: Cannot assign requested address"),
    ],
)
async def test_an_address_that_is_not_this_machines_is_named_with_the_reason(host, said):
    server = grpc.aio.server()
    with pytest.raises(PortUnavailable, match=f"^gRPC cannot listen on {said}"):
        listen(server, host, 0)
    await server.stop(0)


async def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = grpc.aio.server(options=server_options(1024))
        with pytest.raises(PortUnavailable, match=f"127.0.0.1:{port}: Address already in use"):
            listen(server, "127.0.0.1", port)
        await server.stop(0)
