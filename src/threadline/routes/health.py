"""``/healthz`` and ``/readyz``: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from threadline.domain.errors import Unavailable
from threadline.routes import shapes
from threadline.routes.identity import Services


async def alive() -> shapes.Health:
    """The process answers."""
    return shapes.Health()


async def ready(context: Services) -> shapes.Health:
    """The database answers, and the server is not going away; else 503."""
    if context.pulse.draining:
        raise Unavailable("The server is stopping.", surface="ready", retry_after=1)
    await context.ready()
    return shapes.Health()
