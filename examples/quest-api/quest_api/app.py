"""Owns the routes, and what they are composed of."""
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, constr

from . import check_in_tokens
from .access_tokens import User
from .body_limit import BodyLimit
from .current_user import get_current_organizer, get_current_person, needs
from .issuer import Issuer
from .ledger import Ledger
from .refusals import Refusal, answer_refusals
from .settings import Settings

QUESTS = {
    "library": {"title": "Borrow a book nobody has borrowed before", "points": 10},
    "tower": {"title": "Climb the tower before breakfast", "points": 25},
    "letter": {"title": "Write a letter by hand", "points": 15},
}


class ShownCode(BaseModel):
    token: constr(strict=True, min_length=1, max_length=2_000)


def create_app(settings: Settings) -> FastAPI:
    app = FastAPI(title="Quests", docs_url=None, redoc_url=None)
    app.router.lifespan_context = _life_of(settings)
    app.add_middleware(BodyLimit)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["WWW-Authenticate", "Retry-After"],
    )
    answer_refusals(app)
    _add_quests(app)
    _add_check_ins(app)
    return app


def _life_of(settings: Settings) -> Callable:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=httpx.Timeout(1.0)) as http:
            app.state.settings = settings
            app.state.issuer = Issuer(settings.issuer, http)
            app.state.ledger = Ledger(settings.data)
            app.state.check_in_key = check_in_tokens.load_key(settings.data)
            yield

    return life


def _add_quests(app: FastAPI) -> None:
    @app.get("/livez")
    async def livez() -> dict:
        return {"status": "ok"}

    @app.get("/quests")
    async def quests(request: Request, user: User = Depends(needs("quests:read"))) -> dict:
        done = request.app.state.ledger.quests_of(user.sub)
        return {"data": [{"id": id, **quest, "done": id in done} for id, quest in QUESTS.items()]}

    @app.get("/me/points")
    async def points(request: Request, user: User = Depends(needs("quests:read"))) -> dict:
        done = request.app.state.ledger.quests_of(user.sub)
        return {"sub": user.sub, "points": sum(done.values()), "quests": sorted(done)}


def _add_check_ins(app: FastAPI) -> None:
    @app.post("/quests/{id}/check-in-code", status_code=201)
    async def show_code(id: str, request: Request, user: User = Depends(get_current_person)) -> dict:
        if id not in QUESTS:
            raise Refusal(404, "quest_not_found", "There is no such quest.")
        token = check_in_tokens.issue(request.app.state.check_in_key, user.sub, id)
        return {"token": token, "expires_in": check_in_tokens.LIFETIME_SECONDS}

    @app.post("/check-ins", status_code=201)
    async def check_in(code: ShownCode, request: Request, user: User = Depends(get_current_organizer)) -> dict:
        shown = check_in_tokens.read(request.app.state.check_in_key, code.token)
        if shown.sub == user.sub:
            raise Refusal(403, "own_check_in", "Somebody else must check you in.")
        points = QUESTS[shown.quest]["points"]
        request.app.state.ledger.redeem(shown, points, checked_by=user.sub)
        return {"sub": shown.sub, "quest": shown.quest, "points": points}
