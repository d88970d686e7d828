"""Owns the token in the QR code: who is here for which quest. Signed by this API for itself, good for a minute.

That each is used once is said by the ledger, where the points are written.
"""
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt

from .refusals import Refusal

LIFETIME_SECONDS = 60
TYPE = "quest-check-in+jwt"


@dataclass(frozen=True)
class CheckIn:
    id: str
    sub: str
    quest: str


def load_key(folder: Path) -> bytes:
    """Kept between starts, for this user's eyes only."""
    path = folder / "check-in.key"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def issue(key: bytes, sub: str, quest: str) -> str:
    claims = {"jti": secrets.token_urlsafe(16), "sub": sub, "quest": quest, "exp": int(time.time()) + LIFETIME_SECONDS}
    return jwt.encode(claims, key, algorithm="HS256", headers={"typ": TYPE})


def read(key: bytes, token: str) -> CheckIn:
    try:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise _not_ours()
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"require": ["jti", "sub", "quest", "exp"]})
    except jwt.ExpiredSignatureError:
        raise Refusal(410, "check_in_expired", "The code has expired. Ask for a new one to be shown.") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _not_ours() from None
    return CheckIn(id=claims["jti"], sub=claims["sub"], quest=claims["quest"])


def _not_ours() -> Refusal:
    return Refusal(422, "check_in_invalid", "This is no check-in code of ours.")
