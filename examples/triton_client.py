"""
Triton's own Python client, unchanged: over HTTP and, where the service has a port for it, gRPC.

    pip install 'tritonclient[http,grpc]'
    fff-serve serve --grpc-port 8001      # in another terminal
    python examples/triton_client.py [HOST:PORT [GRPC_HOST:PORT]]
"""

import sys
from types import ModuleType

import numpy as np
import tritonclient.grpc
import tritonclient.http

# Handwritten, 8 x 8 pixels from 0 to 16. UINT8 are raw pixels: the model scales them.
SEVEN = np.array(
    [
        [0, 0, 1, 14, 16, 16, 15, 1],
        [0, 0, 11, 14, 8, 13, 11, 0],
        [0, 0, 15, 6, 0, 14, 3, 0],
        [0, 0, 5, 1, 5, 13, 1, 0],
        [0, 0, 0, 13, 16, 16, 9, 0],
        [0, 0, 2, 16, 15, 9, 1, 0],
        [0, 0, 0, 11, 9, 0, 0, 0],
        [0, 0, 3, 16, 2, 0, 0, 0],
    ],
    np.uint8,
)


def ask(protocol: ModuleType, address: str) -> None:
    """Ask for one digit; both of Triton's modules have the same names."""
    rows = protocol.InferInput("input", [1, 64], "UINT8")
    rows.set_data_from_numpy(SEVEN.reshape(1, 64))
    outputs = [protocol.InferRequestedOutput(name) for name in ("class", "leaf")]
    client = protocol.InferenceServerClient(address)
    try:
        answer = client.infer("digits", [rows], outputs=outputs)
        digit, leaf = answer.as_numpy("class")[0], answer.as_numpy("leaf")[0, 0]
        print(f"{protocol.__name__}: class {digit} by leaf {leaf}")
    finally:
        client.close()


if __name__ == "__main__":
    http_address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000"
    grpc_address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:8001"
    ask(tritonclient.http, http_address)
    ask(tritonclient.grpc, grpc_address)
