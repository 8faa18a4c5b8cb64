"""The command that seals users' keys anew, beside a server that runs."""

from __future__ import annotations

from collections.abc import Callable

from threadline.app import beside, lock
from threadline.app.failures import NotUsable
from threadline.app.secret import secrets
from threadline.services.rotation import Rotation
from threadline.services.vault import Vault
from threadline.settings import Settings
from threadline.world import SystemWorld

Say = Callable[[str], None]


async def rotate(settings: Settings, say: Say) -> None:
    """Seal every user's key under the first secret. Raises ``CannotStart``, and ``NotUsable`` where a server that runs
    does not know that secret yet, or a key cannot be read."""
    world = SystemWorld()
    async with beside.opened(settings, world) as store:
        vault = Vault(secrets(settings, world), world)
        if vault.master not in (lock.masters_of_holder(settings.data) or [vault.master]):
            raise NotUsable(
                "The server that uses this data folder does not know the first of these secrets, and could not read "
                "what is sealed under it. Restart it with them: it then seals the keys anew by itself."
            )
        rotation = Rotation(store, vault)
        done, stands = await rotation.run(), await rotation.sealed()
    say(f"Keys that were sealed anew: {done}. Under the first secret are now: {stands.first}.")
    if stands.unreadable:
        raise NotUsable(
            f"Keys that cannot be read: {stands.unreadable}. Put the secret that they were sealed under back behind "
            "the new one in THREADLINE_SECRET, and run this again."
        )
    say("No other secret is needed for them any more.")
