"""
Predictions over ASGI, past FastAPI's routing.

FastAPI resolves and documents every path of the application; for a row that computes in
microseconds that costs more than everything else together, so POSTs to prediction paths are
recognised in front of it. A client that leaves meanwhile has its rows dropped from the queue.
"""

from starlette.types import Receive, Scope, Send

from service.http.disconnect import while_connected
from service.http.prediction import HttpPrediction, Predictions, Target
from service.http.streamed_json import send_pieces
from service.protocol.answer_headers import Reply


async def answer_prediction(
    predictions: Predictions, target: Target, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request, whatever happens."""
    prediction = predictions.begin(target, scope["path"], scope["headers"])
    try:
        reply = await _predict(predictions, prediction, receive)
    except Exception as exc:  # whatever it was, the client is answered
        reply = prediction.failure(exc)
    status, headers, body = reply
    if isinstance(body, bytes):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    else:
        await send_pieces(send, status, headers, body)
    prediction.end()


async def _predict(predictions: Predictions, prediction: HttpPrediction, receive: Receive) -> Reply:
    model, headers = prediction.find_target(), prediction.headers
    await predictions.bodies.rows(
        receive, headers.content_length, headers.encoding, prediction.parse_body
    )
    computing = prediction.submit()
    # Rows that are computed in this turn of the loop are not worth a watch on the client.
    prompt = model.worker.prompt
    answer = await (computing if prompt else while_connected(receive, computing))
    if prediction.is_long(answer):
        return await predictions.long_reply(prediction, answer)
    return prediction.reply(answer)
