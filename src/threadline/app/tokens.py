"""The commands about access tokens; they work beside a server that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from threadline.app import beside
from threadline.services.tokens import Tokens
from threadline.settings import Settings
from threadline.world import SystemWorld

Say = Callable[[str], None]


async def create(
    settings: Settings, name: str, user: str | None, say: Say, *, scopes: Sequence[str] = (), days: int | None = None
) -> None:
    """Make a token; it is the last line that is said. Without ``scopes`` it is for all of them."""
    async with _opened(settings, makes=True) as tokens:
        issued = await tokens.issue(name, user, scopes=scopes or ("all",), days=days)
        say(f"{issued.row.id} speaks for {issued.user.name or issued.user.id}.")
        say(f"It is for the server whose data folder is {settings.data.absolute()}.")
        say("This is the only time it is shown:")
        say(issued.token)


async def show(settings: Settings, say: Say) -> None:
    """A line for each token, with tabs between its fields."""
    async with _opened(settings) as tokens:
        for row, user in await tokens.listed():
            used = "never used" if row.used_at is None else f"used {_day(row.used_at)}"
            ends = "never ends" if row.expires_at is None else f"ends {_day(row.expires_at)}"
            made = f"made {_day(row.created_at)}"
            say("\t".join((row.id, row.name, user.name or user.id, made, used, f"for {row.scopes}", ends)))


async def revoke(settings: Settings, token_id: str, say: Say) -> None:
    """Forget a token."""
    async with _opened(settings) as tokens:
        await tokens.revoke(token_id)
        say(f"{token_id} is revoked.")


@asynccontextmanager
async def _opened(settings: Settings, *, makes: bool = False) -> AsyncIterator[Tokens]:
    world = SystemWorld()
    async with beside.opened(settings, world, makes=makes) as store:
        yield Tokens(store, world)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
