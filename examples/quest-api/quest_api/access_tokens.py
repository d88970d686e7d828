"""Owns what makes an access token good: RFC 9068 §4, with the checks of RFC 8725."""
from dataclasses import dataclass

import jwt

from .issuer import Issuer
from .refusals import bad_token

# An allow-list: a token does not choose how it is checked. HS256 would make a public key a secret, none needs no key
ALGORITHMS = ("ES256", "RS256", "EdDSA")
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]
LEEWAY_SECONDS = 5
MOST_CHARACTERS = 8_192


@dataclass(frozen=True)
class User:
    """Whom a token speaks for. A client that speaks for itself has its own id as `sub` (RFC 9068 §2.2)."""

    sub: str
    client_id: str
    scopes: frozenset[str]
    roles: frozenset[str]

    @property
    def is_person(self) -> bool:
        return self.sub != self.client_id


async def verify(token: str, issuer: Issuer, audience: str) -> User:
    header = _read_header(token)
    alg, kid = header.get("alg"), header.get("kid")
    if header.get("typ") not in ("at+jwt", "application/at+jwt"):
        raise bad_token("This is no access token: typ is not at+jwt.")
    if "crit" in header:
        # RFC 7515 §4.1.11: what it demands is not understood here, so the token is not
        raise bad_token("The token demands an extension.")
    if alg not in ALGORITHMS:
        raise bad_token("The signature is of a kind that is not taken here.")
    if not isinstance(kid, str):
        raise bad_token("The token does not name its key.")
    key = await issuer.find_key(kid)
    # Each key is for one algorithm, so that a token cannot bend it to another
    if key is None or key.get("alg") != alg:
        raise bad_token("The issuer has no such key.")
    return _user_of(_read_claims(token, key, issuer.issuer, audience))


def _read_header(token: str) -> dict:
    if len(token) > MOST_CHARACTERS:
        raise bad_token("The token is too long.")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise bad_token("This is not a JWT.") from None


def _read_claims(token: str, key: dict, issuer: str, audience: str) -> dict:
    alg = key["alg"]
    try:
        return jwt.decode(
            token,
            jwt.PyJWK(key, algorithm=alg).key,
            algorithms=[alg],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise bad_token("The token has expired.") from None
    except jwt.InvalidIssuerError:
        raise bad_token("The token is another issuer's.") from None
    except jwt.InvalidAudienceError:
        raise bad_token("The token is for another API.") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise bad_token("The token is not valid.") from None


def _user_of(claims: dict) -> User:
    sub, client_id, scope, roles = (claims.get(name) for name in ("sub", "client_id", "scope", "roles"))
    if not (isinstance(sub, str) and isinstance(client_id, str)):
        raise bad_token("The token is not valid.")
    return User(
        sub=sub,
        client_id=client_id,
        scopes=frozenset(scope.split(" ") if isinstance(scope, str) else ()),
        roles=frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset(),
    )
