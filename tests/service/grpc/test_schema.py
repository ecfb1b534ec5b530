"""The messages are the protocol's: what the real client says and what we say is one language."""

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto
from grpc_tools import protoc
from tritonclient.grpc import model_config_pb2, service_pb2

from service.grpc.schema import DESCRIPTOR_SET, SERVICE, load_schema

SCHEMA = load_schema()


def theirs(name: str) -> Descriptor:
    found = service_pb2.DESCRIPTOR.message_types_by_name.get(name)
    return found or model_config_pb2.DESCRIPTOR.message_types_by_name[name]


def described(field: FieldDescriptor) -> tuple[object, ...]:
    kind = field.message_type or field.enum_type
    return (
        field.number,
        field.type,
        field.is_repeated,
        kind and kind.full_name,
        field.containing_oneof and field.containing_oneof.name,
    )


def same(ours: Descriptor, real: Descriptor) -> None:
    for name, field in ours.fields_by_name.items():
        assert described(field) == described(real.fields_by_name[name]), field.full_name
    for name, enum in ours.enum_types_by_name.items():
        real_values = real.enum_types_by_name[name].values_by_name
        for value in enum.values:
            assert value.number == real_values[value.name].number
    for name, nested in ours.nested_types_by_name.items():
        assert nested.GetOptions() == real.nested_types_by_name[name].GetOptions()
        same(nested, real.nested_types_by_name[name])


@pytest.mark.parametrize("name", SCHEMA.messages)
def test_every_field_is_the_real_clients(name):
    same(SCHEMA.messages[name].DESCRIPTOR, theirs(name))


def test_the_datatypes_are_the_real_clients():
    ours = SCHEMA.messages["ModelConfig"].DESCRIPTOR.file.enum_types_by_name["DataType"]
    real = model_config_pb2.DESCRIPTOR.enum_types_by_name["DataType"]
    assert [(v.name, v.number) for v in ours.values] == [(v.name, v.number) for v in real.values]


@pytest.mark.parametrize("name", SCHEMA.calls)
def test_every_call_is_the_real_clients(name):
    call = SCHEMA.calls[name]
    service = service_pb2.DESCRIPTOR.services_by_name[SERVICE.partition(".")[2]]
    real = DescriptorProto()
    assert service.full_name == SERVICE
    service.methods_by_name[name].input_type.CopyToProto(real)
    assert call.request.DESCRIPTOR.name == real.name
    service.methods_by_name[name].output_type.CopyToProto(real)
    assert call.response.DESCRIPTOR.name == real.name
    assert call.streams == (name == "ModelStreamInfer")


def test_the_descriptor_set_is_that_of_the_schema(tmp_path):
    made = tmp_path / "made.binpb"
    folder, schema = DESCRIPTOR_SET.parent, DESCRIPTOR_SET.with_suffix(".proto")

    failed = protoc.main(["", f"-I{folder}", f"--descriptor_set_out={made}", str(schema)])

    assert not failed
    assert DESCRIPTOR_SET.read_bytes() == made.read_bytes()
