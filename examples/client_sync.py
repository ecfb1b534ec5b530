"""
The Python client, blocking: a prediction, its leaf, and the dense twin beside it.

    pip install ./client            # in a checkout; needs NumPy and httpx alone
    python examples/client_sync.py [URL]
"""

import sys

import numpy as np
from fff_client import Client

# Handwritten, 8 x 8 pixels from 0 to 16. uint8 are raw pixels: the model scales them.
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


def main(url: str) -> None:
    """Ask the demo pair for one digit."""
    row = SEVEN.reshape(1, 64)
    with Client(url, timeout_s=10) as client:
        client.wait_until_ready()
        result = client.predict("digits", row, outputs=["class", "probabilities", "leaf"])
        digit = result.classes[0]
        print(f"class {digit}, probability {result.probabilities[0, digit]:.2f}")
        print(f"computed by leaf {result.leaves[0, 0]}")

        comparison = client.compare("digits", row)
        print(f"the dense twin says {comparison.dense.logits.argmax(axis=1)[0]}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
