"""
Reflection: grpcurl and its like ask the server for its schema, and need no `.proto` file then.

Covered:      our service, health, and reflection itself, in `grpc.reflection.v1alpha`.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from service.grpc.schema import SERVICE, Schema


def add_reflection(server: Any, schema: Schema) -> None:
    """Have grpc's asyncio server describe what it serves."""
    names = [SERVICE]
    # Our pool is not protobuf's own, and must have all that is asked for.
    for module in (health_pb2, reflection_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        schema.pool.Add(file)
        names += [service.full_name for service in module.DESCRIPTOR.services_by_name.values()]
    reflection.enable_server_reflection(names, server, pool=schema.pool)
