"""Who tells who somebody is: OpenID Connect and GitHub, behind the one protocol of ``domain/logins.py``."""

from __future__ import annotations

from collections.abc import Iterable

from threadline.domain.logins import IdentityProvider, LoginConfig
from threadline.providers.identity.github import GitHub
from threadline.providers.identity.openid import OpenId
from threadline.providers.identity.web import Web
from threadline.world import World

__all__ = ["IdentityProviders"]


class IdentityProviders:
    """Those that are set up, on one pool of connections, by their names."""

    def __init__(self, configs: Iterable[LoginConfig], world: World) -> None:
        self._web = Web()
        self.by_name: dict[str, IdentityProvider] = {
            config.name: GitHub(config, self._web) if config.kind == "github" else OpenId(config, self._web, world)
            for config in configs
        }

    async def close(self) -> None:
        """Let go of the connections."""
        await self._web.close()
