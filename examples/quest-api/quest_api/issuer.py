"""Owns what is fetched from the issuer: its discovery document and its keys, kept for a while.

Foyer may be away. Keys that are known go on being good for an hour, a question takes seconds at most, and while
there is no answer nobody waits for the next attempt: they are told when to come again.
"""
import asyncio
import time
from collections.abc import Callable

import httpx

from .refusals import issuer_away

FRESH_SECONDS = 300
STALE_SECONDS = 3_600
# An unknown kid is looked up this often at most: made-up ones must not turn this API against the issuer
MISS_SECONDS = 5
PAUSE_SECONDS = 1
PAUSES_BETWEEN_TRIES = (0.1, 0.4)
FETCH_SECONDS = 3


class Issuer:
    def __init__(self, issuer: str, http: httpx.AsyncClient, now: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._http = http
        self._now = now
        self._keys: dict[str, dict] = {}
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def find_key(self, kid: str) -> dict | None:
        """The published key (RFC 7517) of this id. Raises a 503 when that cannot be said."""
        if not self._must_ask(kid):
            return self._keys.get(kid)
        async with self._one_at_a_time:
            # Somebody before us in the queue may have asked already
            if self._must_ask(kid):
                await self._refresh(kid)
        return self._keys.get(kid)

    def _must_ask(self, kid: str) -> bool:
        age = self._now() - self._fetched_at
        return age >= (FRESH_SECONDS if kid in self._keys else MISS_SECONDS)

    async def _refresh(self, kid: str) -> None:
        if self._now() - self._failed_at >= PAUSE_SECONDS:
            try:
                self._keys = await asyncio.wait_for(self._fetch_keys(), FETCH_SECONDS)
                self._fetched_at = self._now()
                return
            except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError, ValueError):
                self._failed_at = self._now()
        still_good = self._now() - self._fetched_at < STALE_SECONDS
        if not (still_good and kid in self._keys):
            raise issuer_away(PAUSE_SECONDS)

    async def _fetch_keys(self) -> dict[str, dict]:
        document = await self._get(f"{self.issuer}/.well-known/openid-configuration")
        # OIDC Discovery 1.0 §4.3: it must name the very issuer that was asked
        if document.get("issuer") != self.issuer:
            raise ValueError("the discovery document is another issuer's")
        keys = (await self._get(str(document.get("jwks_uri")))).get("keys")
        if not isinstance(keys, list):
            raise ValueError("no key set")
        return {key["kid"]: key for key in keys if isinstance(key, dict) and isinstance(key.get("kid"), str)}

    async def _get(self, url: str) -> dict:
        """Asks again when there was no answer, or one that says the server is in trouble."""
        for pause in (*PAUSES_BETWEEN_TRIES, None):
            try:
                response = await self._http.get(url)
                response.raise_for_status()
                body = response.json()
                if not isinstance(body, dict):
                    raise ValueError("no JSON object")
                return body
            except httpx.HTTPError as error:
                refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
                if refused or pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")
