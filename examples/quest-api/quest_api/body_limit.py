"""Owns how much a request may send: no body of this API is long."""
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import problem

MOST_BYTES = 65_536


class BodyLimit:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BYTES:
                refusal = problem(413, "body_too_long", f"A body has at most {MOST_BYTES} bytes.", {"Connection": "close"})
                return await refusal(scope, receive, send)
        await self._app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hands out what has been read; after that the connection speaks for itself."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
