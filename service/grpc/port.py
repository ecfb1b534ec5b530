"""
The gRPC server's address and its connections' rules.

Covered:      names, IPv4, IPv6 and both, as HTTP listens; how often clients may ping.
Not covered:  IPv4 alone where `0.0.0.0` is asked for: grpc's core opens both then.
"""

import socket
from typing import Any

MIN_PING_INTERVAL_MS = 5_000
"""
Clients may ping that often, calls or not. By grpc's own default a server ends a connection whose
client pings an idle stream more than once in five minutes; clients do so every 10 s at most.
"""
KEEPALIVE_MS = 60_000
"""Of silence, before the client is asked whether it is still there; it has 20 s to answer."""


class PortUnavailable(RuntimeError):
    """The gRPC port cannot be opened."""


def server_options(max_body_bytes: int) -> list[tuple[str, int]]:
    """Make the options of a server that takes messages of up to `max_body_bytes`."""
    return [
        ("grpc.max_receive_message_length", max_body_bytes),
        ("grpc.so_reuseport", 0),  # two services on one port would share its clients
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ]


def listen(server: Any, host: str, port: int) -> int:
    """
    Open the port; a name is opened at each of its addresses.

    Returns:
        The port's number, which the system has chosen if `port` is 0.

    Raises:
        PortUnavailable: Naming the address and the reason.
    """
    address = f"{bracketed(host)}:{port}"
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError as exc:
        raise PortUnavailable(f"gRPC cannot listen on {address}: {_why_not(host, port)}") from exc


def bracketed(host: str) -> str:
    """An address of IPv6 in brackets, so that a port can follow."""
    return f"[{host}]" if ":" in host else host


def _why_not(host: str, port: int) -> str:
    """Why an address cannot be listened on, which grpc writes to its own log only."""
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.bind(address)
    except OSError as exc:
        return exc.strerror or str(exc)
    return "the port may be in use"
