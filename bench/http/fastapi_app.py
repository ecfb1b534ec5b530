"""The endpoint that users write themselves: FastAPI, pydantic in and out, torch between."""

import torch
from fastapi import FastAPI
from pydantic import BaseModel

from bench.rivals import Run


class PredictRequest(BaseModel):
    """Rows of numbers."""

    inputs: list[list[float]]


class PredictResponse(BaseModel):
    """A row of logits for each."""

    outputs: list[list[float]]


def create_app(path: str, run: Run) -> FastAPI:
    """
    Build the application.

    The handler is `async`, which is quicker here than FastAPI's thread pool would be.

    Args:
        path: Of its one endpoint, such as `/v1/models/bench/predict`.
        run: Computes `[n, i]` to `[n, o]`.
    """
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> bool:
        return True

    @app.post(path)
    async def predict(request: PredictRequest) -> PredictResponse:
        y = run(torch.tensor(request.inputs))
        return PredictResponse(outputs=y.tolist())

    return app
