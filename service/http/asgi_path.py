"""
Predictions over ASGI, past FastAPI's routing.

FastAPI resolves and documents every path of the application; for a row that computes in
microseconds that costs more than everything else together, so POSTs to prediction paths are
recognised in front of it. A client that leaves meanwhile has its rows dropped from the queue.
"""

from starlette.types import Receive, Scope, Send

from service.http.body import parse_body, read_body
from service.http.disconnect import while_connected
from service.http.prediction import HttpPrediction, Predictions, Target
from service.http.responses import Reply


async def answer_prediction(
    predictions: Predictions, target: Target, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request, whatever happens."""
    prediction = predictions.begin(target, scope["path"], scope["headers"])
    try:
        reply = await _predict(prediction, receive, predictions.max_bytes)
    except Exception as exc:  # whatever it was, the client is answered
        reply = prediction.failure(exc)
    status, headers, body = reply
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    prediction.end()


async def _predict(prediction: HttpPrediction, receive: Receive, max_bytes: int) -> Reply:
    model = prediction.find_target()
    body = await read_body(receive, prediction.headers.content_length, max_bytes)
    await parse_body(prediction.parse_body, body, prediction.headers.encoding)
    computing = prediction.submit()
    # Rows that are computed in this turn of the loop are not worth a watch on the client.
    prompt = model.worker.prompt
    return prediction.reply(await (computing if prompt else while_connected(receive, computing)))
