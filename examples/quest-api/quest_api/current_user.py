"""Owns the dependencies that routes declare: who is asking, with which scope, in which role."""
from collections.abc import Awaitable, Callable

from fastapi import Depends, Request

from .access_tokens import User, verify
from .refusals import Refusal, no_token, scope_missing


async def get_current_user(request: Request) -> User:
    # RFC 6750 §2.1; the name of the scheme is in any case (RFC 9110 §11.1)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise no_token()
    return await verify(token.strip(), request.app.state.issuer, request.app.state.settings.audience)


def needs(scope: str) -> Callable[[User], Awaitable[User]]:
    async def user_with_scope(user: User = Depends(get_current_user)) -> User:
        if scope not in user.scopes:
            raise scope_missing(scope)
        return user

    return user_with_scope


async def get_current_person(user: User = Depends(needs("quests:write"))) -> User:
    if not user.is_person:
        raise Refusal(403, "person_required", "This is for people; the token speaks for an app.")
    return user


async def get_current_organizer(user: User = Depends(get_current_person)) -> User:
    # Foyer puts roles into the token of whoever asked for the scope of that name
    if "organizer" not in user.roles:
        raise Refusal(403, "organizer_required", "Only an organizer may do this, with a token that has the scope roles.")
    return user
