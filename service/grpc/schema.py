"""
The protocol's messages and calls, from the descriptor set that protoc made of the schema.

Covered:      `open_inference.binpb`, in a descriptor pool of its own.
Not covered:  the schema, `open_inference.proto`, of which a test makes the set anew.

Why not protoc's Python code: it registers itself in protobuf's one pool a process, where a second
`inference.ModelInferRequest`, the real client's, is an error; and it is bound to the protobuf
release that wrote it.

After a change of the schema, with the package grpcio-tools, in this folder:

    python -m grpc_tools.protoc -I. --descriptor_set_out=open_inference.binpb open_inference.proto
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTOR_SET = Path(__file__).with_name("open_inference.binpb")
PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the service; `streams` in both directions or in none."""

    name: str
    request: type[Any]
    response: type[Any]
    streams: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """Message classes by name, the calls that take and give them, and the pool that has both."""

    pool: DescriptorPool
    messages: dict[str, type[Any]]
    calls: dict[str, Call]


def load_schema() -> Schema:
    """Make the classes of the schema's messages."""
    (file,) = FileDescriptorSet.FromString(DESCRIPTOR_SET.read_bytes()).file
    pool = DescriptorPool()
    pool.Add(file)
    messages = {
        message.name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}"))
        for message in file.message_type
    }
    calls = {
        method.name: Call(
            method.name,
            messages[method.input_type.name],
            messages[method.output_type.name],
            method.client_streaming and method.server_streaming,
        )
        for method in pool.FindServiceByName(SERVICE).methods
    }
    return Schema(pool, messages, calls)
