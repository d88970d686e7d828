"""Owns how this API says no: RFC 9457 problems, and the challenges of RFC 6750 §3."""
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


class Refusal(Exception):
    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def no_token() -> Refusal:
    # RFC 6750 §3.1: whoever sent no token is told no error code in the challenge
    return Refusal(401, "token_missing", "Send an access token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})


def bad_token(detail: str) -> Refusal:
    challenge = f'Bearer error="invalid_token", error_description="{detail}"'
    return Refusal(401, "invalid_token", detail, {"WWW-Authenticate": challenge})


def scope_missing(scope: str) -> Refusal:
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return Refusal(403, "insufficient_scope", f"The token lacks the scope {scope}.", {"WWW-Authenticate": challenge})


def issuer_away(retry_after_seconds: int) -> Refusal:
    detail = "The identity provider does not answer, so the token cannot be checked. Try again soon."
    return Refusal(503, "issuer_unavailable", detail, {"Retry-After": str(retry_after_seconds)})


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: object) -> JSONResponse:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _refused(_request: Request, refusal: Refusal) -> JSONResponse:
    return problem(refusal.status, refusal.code, refusal.detail, refusal.headers)


def _ill_formed(_request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [{"in": [str(part) for part in each["loc"]], "detail": each["msg"]} for each in error.errors()]
    return problem(400, "invalid_input", "Correct what is listed under errors and send it again.", errors=errors)


def _of_the_framework(_request: Request, error: HTTPException) -> JSONResponse:
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_input")
    return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))


def answer_refusals(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _ill_formed)
    app.add_exception_handler(HTTPException, _of_the_framework)
