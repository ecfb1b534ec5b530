"""
The Python client with asyncio: a hundred requests at a time, which the service batches.

    pip install ./client            # in a checkout; needs NumPy and httpx alone
    python examples/client_async.py [URL]
"""

import asyncio
import sys

import numpy as np
from fff_client import AsyncClient

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


async def main(url: str) -> None:
    """Send the same digit a hundred times at once: every answer is the same."""
    async with AsyncClient(url, connections=16, timeout_s=10) as client:
        await client.wait_until_ready()
        requests = (client.predict("digits", SEVEN.ravel(), outputs=["class"]) for _ in range(100))
        results = await asyncio.gather(*requests)
    classes = {int(result.classes[0]) for result in results}
    print(f"{len(results)} answers, classes {classes}")
    print(f"the longest wait for a batch: {max(result.queue_s for result in results) * 1e3:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"))
