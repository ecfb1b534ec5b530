"""The Open Inference Protocol over gRPC; optional, with the extra `grpc`."""
