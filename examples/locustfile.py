"""
A load test to begin one's own with: users that ask for a digit and check every answer.

    pip install locust
    locust --locustfile examples/locustfile.py --host http://127.0.0.1:8000 \
        --headless --users 4 --run-time 10s

Without `--headless` locust shows its page. `make loadtest` compares an FFF with its dense twin.
"""

from locust import FastHttpUser, task

SEVEN = [
    *(0, 0, 1, 14, 16, 16, 15, 1),
    *(0, 0, 11, 14, 8, 13, 11, 0),
    *(0, 0, 15, 6, 0, 14, 3, 0),
    *(0, 0, 5, 1, 5, 13, 1, 0),
    *(0, 0, 0, 13, 16, 16, 9, 0),
    *(0, 0, 2, 16, 15, 9, 1, 0),
    *(0, 0, 0, 11, 9, 0, 0, 0),
    *(0, 0, 3, 16, 2, 0, 0, 0),
]
REQUEST = {
    "inputs": [{"name": "input", "datatype": "UINT8", "shape": [1, 64], "data": SEVEN}],
    "outputs": [{"name": "class"}],
}


class DigitUser(FastHttpUser):
    """Sends its next request when it has its answer, so users are requests under way."""

    @task
    def infer(self) -> None:
        """Ask for the seven; any other answer counts as a failure."""
        path = "/v2/models/digits/infer"
        with self.client.post(path, json=REQUEST, catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"expected 200, got {response.status_code}: {response.text}")
            elif response.json()["outputs"][0]["data"] != [7]:
                response.failure(f"expected class 7, got {response.text}")
