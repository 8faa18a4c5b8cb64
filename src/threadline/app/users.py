"""The commands about accounts; they work beside a server that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from threadline.app import beside
from threadline.services.passwords import Passwords
from threadline.services.stewards import Stewards
from threadline.settings import Settings
from threadline.world import SystemWorld

Say = Callable[[str], None]


async def show(settings: Settings, say: Say) -> None:
    """A line for each account, with tabs between its fields."""
    async with _opened(settings) as stewards:
        for user in await stewards.listed():
            state = "disabled" if user.disabled_at is not None else "password" if user.has_password else "no password"
            made = datetime.fromtimestamp(user.created_at, UTC).strftime("%Y-%m-%d")
            say("\t".join((user.id, user.email or "-", user.name or "-", user.role, state, f"made {made}")))


async def create(
    settings: Settings, email: str, password: str, say: Say, *, name: str | None = None, admin: bool = False
) -> None:
    """Make an account."""
    async with _opened(settings, makes=True) as stewards:
        made = await stewards.create(email, password, name=name, admin=admin)
        say(f"{made.id} is the account of {made.email}" + (", an admin." if made.role == "admin" else "."))


async def set_role(settings: Settings, who: str, role: str, say: Say) -> None:
    """Make somebody an admin, or a user again."""
    async with _opened(settings) as stewards:
        user = await stewards.set_role(who, role)
        say(f"{user.email or user.id} is {'an admin' if user.role == 'admin' else 'no admin'}.")


async def set_disabled(settings: Settings, who: str, disabled: bool, say: Say) -> None:
    """Shut somebody out, or let him in again."""
    async with _opened(settings) as stewards:
        user = await stewards.set_disabled(who, disabled)
        say(f"{user.email or user.id} {'cannot come in any more' if disabled else 'may come in'}.")


async def set_password(settings: Settings, who: str, password: str, say: Say) -> None:
    """Set a password."""
    async with _opened(settings) as stewards:
        user = await stewards.set_password(who, password)
        say(f"{user.email or user.id} has a new password, and is signed in nowhere.")


@asynccontextmanager
async def _opened(settings: Settings, *, makes: bool = False) -> AsyncIterator[Stewards]:
    async with beside.opened(settings, SystemWorld(), makes=makes) as store:
        yield Stewards(store, Passwords())
