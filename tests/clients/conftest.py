"""A running server and a Node process for each major of the npm package ``ai``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.node import Driver, installed_clients, node_path
from tests.support.server import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    # Longer than any test here lasts.
    settings = {"replay_seconds": 600}
    with Server(tmp_path_factory.mktemp("server"), fake.tables(), settings=settings, extras=True) as server:
        yield server


@pytest.fixture(scope="module", params=[5, 6, 7], ids=["ai5", "ai6", "ai7"])
def sdk(request: pytest.FixtureRequest, running: Server) -> Iterator[Driver]:
    """The driver of one major; it keeps the cookie of its visitor."""
    node = node_path()
    if node is None:
        pytest.skip("missing tool: no Node.js")
    installed_clients()
    with Driver(node, request.param, running.url) as driver:
        yield driver


@pytest.fixture
async def visitor(server: Server, sdk: Driver) -> Client:
    """The same visitor as the driver's, for what the test does beside it."""
    client = server.client()
    await client.get("/api/me")
    await sdk.do("cookie", value=client.cookie)
    return client
