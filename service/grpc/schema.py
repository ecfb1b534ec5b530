"""
The protocol's messages, made from `open_inference.proto` when the service starts.

Covered:      the part of proto3 that the file uses: messages, nested ones, enums, repeated, map
              and oneof fields; calls with and without streams.
Not covered:  imports, options, comments in /* */, more than one statement a line.

Why no generated code: what protoc writes registers itself in protobuf's one pool a process,
where a second `inference.ModelInferRequest`, the real client's, is an error; and it is bound to
the protobuf release that wrote it. These messages live in a pool of their own.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PROTO_FILE = Path(__file__).with_name("open_inference.proto")
PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_BLOCK = re.compile(r"(message|enum|oneof|service) (\w+) \{(\})?")
_FIELD = re.compile(r"(repeated )?(\w+) (\w+) = (\d+);")
_MAP = re.compile(r"map<(\w+), (\w+)> (\w+) = (\d+);")
_VALUE = re.compile(r"(\w+) = (\d+);")
_CALL = re.compile(r"rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\) \{\}")
_SCALARS = {"bool", "int32", "int64", "uint32", "uint64", "float", "double", "string", "bytes"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the service; `streams` in both directions or in none."""

    name: str
    request: type[Any]
    response: type[Any]
    streams: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """Message classes by name, and the calls that take and give them."""

    messages: dict[str, type[Any]]
    calls: dict[str, Call]


def load_schema(text: str | None = None) -> Schema:
    """
    Make the messages of a schema.

    Args:
        text: The schema; None for the service's own.

    Raises:
        ValueError: Naming the line that is not understood.
    """
    file = FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    calls: list[tuple[str, str, str, bool]] = []
    _read(PROTO_FILE.read_text(encoding="utf-8") if text is None else text, file, calls)
    _resolve(file)
    pool = DescriptorPool()
    pool.Add(file)
    messages = {
        message.name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}"))
        for message in file.message_type
    }
    return Schema(
        messages,
        {
            name: Call(name, messages[asked], messages[answered], streams)
            for name, asked, answered, streams in calls
        },
    )


def _read(text: str, file: FileDescriptorProto, calls: list[tuple[str, str, str, bool]]) -> None:
    blocks: list[Any] = [file]  # the innermost last; a oneof is its name
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole.partition("//")[0].strip()
        inside = blocks[-1]
        if line in ("", 'syntax = "proto3";', f"package {PACKAGE};"):
            continue
        if line == "}":
            blocks.pop()
        elif found := _BLOCK.fullmatch(line):
            block = _open(found[1], found[2], inside)
            if not found[3]:
                blocks.append(block)
        elif found := _CALL.fullmatch(line):
            calls.append((found[1], found[3], found[5], bool(found[2] and found[4])))
        elif isinstance(inside, EnumDescriptorProto) and (found := _VALUE.fullmatch(line)):
            inside.value.add(name=found[1], number=int(found[2]))
        elif isinstance(inside, DescriptorProto) and (found := _MAP.fullmatch(line)):
            _add_map(inside, *found.groups())
        elif (found := _FIELD.fullmatch(line)) and inside is not file:
            _add_field(blocks, *found.groups())
        else:
            raise ValueError(f"schema line {number} is not understood: {line}")


def _open(kind: str, name: str, inside: Any) -> Any:
    if kind == "message":
        nested = isinstance(inside, DescriptorProto)
        return (inside.nested_type if nested else inside.message_type).add(name=name)
    if kind == "enum":
        return inside.enum_type.add(name=name)
    if kind == "oneof":
        inside.oneof_decl.add(name=name)
    return kind


def _add_field(blocks: list[Any], repeated: str | None, kind: str, name: str, number: str) -> None:
    in_oneof = blocks[-1] == "oneof"
    message = blocks[-2] if in_oneof else blocks[-1]
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    field = message.field.add(name=name, number=int(number), label=label)
    if kind in _SCALARS:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type_name = kind  # completed by _resolve: it may be declared further down
    if in_oneof:
        field.oneof_index = len(message.oneof_decl) - 1


def _add_map(message: DescriptorProto, key: str, value: str, name: str, number: str) -> None:
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    _add_field([entry], None, key, "key", "1")
    _add_field([entry], None, value, "value", "2")
    _add_field([message], "repeated ", entry.name, name, number)


def _resolve(file: FileDescriptorProto) -> None:
    """Give every named type its full name: nested in the message itself, or of the file."""

    def within(message: DescriptorProto, path: str) -> None:
        own_enums = {enum.name for enum in message.enum_type}
        own = own_enums | {nested.name for nested in message.nested_type}
        enums = own_enums | {enum.name for enum in file.enum_type} - own
        for field in message.field:
            if field.type_name:
                is_enum = field.type_name in enums
                field.type = field.TYPE_ENUM if is_enum else field.TYPE_MESSAGE
                scope = path if field.type_name in own else f".{PACKAGE}"
                field.type_name = f"{scope}.{field.type_name}"
        for nested in message.nested_type:
            within(nested, f"{path}.{nested.name}")

    for message in file.message_type:
        within(message, f".{PACKAGE}.{message.name}")
