"""The store of a data folder, for commands that work beside a server that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from threadline.app import lock
from threadline.app.failures import CannotStart, NotUsable, storage_faults_told
from threadline.domain.errors import BadRequest, Conflict, Forbidden, NotFound, ThreadlineError
from threadline.settings import Settings
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import World


@asynccontextmanager
async def opened(settings: Settings, world: World, *, makes: bool = False) -> AsyncIterator[Store]:
    """Raises ``CannotStart``, also where there is no data folder, and ``NotUsable`` for what is refused in the block.
    ``makes``: a folder that was named is made, for the server to come."""
    if not settings.data.exists() and not (makes and settings.data != Settings().data):
        # The usual one, made wherever one happens to be, would be another than the server's.
        raise CannotStart(
            f"There is no data folder {settings.data.absolute()}. Run this where the server was started, or name the "
            "server's own with --data; it is made when the server starts."
        )
    lock.prepare(settings.data)
    with storage_faults_told():
        store = await Store.open(settings.store_path, world, Signals())
    try:
        yield store
    except (BadRequest, Conflict, Forbidden, NotFound) as fault:
        raise NotUsable(fault.message) from None
    except ThreadlineError as fault:
        raise CannotStart(fault.message) from None
    finally:
        await store.close()
