"""Whatever is asked of whatever the schema names: no fault of ours, and no answer outside of the schema.

Live modes are left out: their answers end when somebody leaves.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, open_house
from tests.support.answers import new_id, until_ended, user_message
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig
from threadline.routes import scopes

pytestmark = pytest.mark.anyio

SEED = 20_261_120
HAD = 6
"""How many things of each kind somebody has: two stay, and two of others may be deleted on the way."""
MODEL = "fake/fake-model"
DELETED = {"conversation_id", "path", "name"}
LIVE = ["/api/feed/events"]
UNREACHED = {"claim", "ack", "callback", "release"}
"""Only who is awake can be answered well there: the tests of subscriptions do that."""
EVERYTHING = {"method": "DELETE", "path": "/api/conversations"}
LEAVING = {"path_regex": "^/api/(auth/.*|me)$"}
METHODS = ["get", "put", "post", "delete", "options", "patch", "trace"]
CHECKS = {
    # Which names are taken, and what belongs to what, no schema tells.
    "positive_data_acceptance": {"enabled": False},
    # It does not know that a cookie counts, too; test_bad_input asks everything without a token.
    "ignored_auth": {"enabled": False},
}
OPERATIONS = [
    # Whatever is written into an address there is a name or a path.
    {"include-path-regex": "^/v1/stream/", "checks": {"negative_data_rejection": {"enabled": False}}},
]


@dataclass
class Found:
    """What the cases found: failures by operation and check, and the statuses of every operation's answers."""

    failures: list[str] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    asked: int = 0


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server whose models answer at once, and whose long-polls are short."""
    async with FakeProvider(Control(chunks=3)) as fake:
        one = ProviderConfig("fake", "openai-compatible", fake.url, "x", ("fake-model",))
        settings: dict[str, Any] = {"providers": (one,), "models": {"chat": MODEL, "title": MODEL}}
        async with open_house(tmp_path_factory.mktemp("fuzz"), long_poll_seconds=0.05, **settings) as running:
            yield running


async def belongings(client: Client, friend: Client) -> dict[str, list[str]]:
    """What somebody has, by the names of the parameters that take it; ``recorded`` are runs that he writes himself.
    A friend comes to all of his conversations."""
    has: dict[str, list[str]] = defaultdict(list)
    for number in range(HAD):
        body = asking("Hello", new_id())
        reply = await client.call("POST", "/api/chat", body, {"Accept": "application/json"})
        run = reply.headers["x-threadline-run"]
        await until_ended(client, run)
        has["chat_id"].append(body["id"])
        has["run_id"].append(run)
        has["response_id"].append(run.replace("run_", "resp_"))
        has["recorded"].append(await made(client, "POST", "/api/recordings", {"message": user_message("Hello")}))
        path, name = f"path-{number}", f"name-{number}"
        await made(client, "PUT", f"/v1/stream/{path}", {"a": 1})
        wanted = {"type": "pull-wake", "pattern": "none/*", "wake_stream": path}
        await made(client, "PUT", f"/v1/stream/__ds/subscriptions/{name}", wanted)
        shares = f"/api/conversations/{body['id']}/shares"
        share = (await client.call("POST", shares, {"role": "observer"})).json
        has["share_id"].append(share["id"])
        has["token"].append(share["token"])
        assert (await friend.call("POST", f"/api/shares/{share['token']}/accept")).status == 200
        has["user_id"].append((await friend.get("/api/me"))["id"])
        has["path"].append(path)
        has["name"].append(name)
    return {**has, "conversation_id": has["chat_id"], "run": has["run_id"], "model": [MODEL] * HAD}


async def made(client: Client, method: str, path: str, body: Any) -> str:
    """Make something; returns the run that it is, where it is one."""
    reply = await client.call(method, path, body)
    assert reply.status == 201, reply.body
    return str(reply.json["run_id"]) if path.startswith("/api/") else ""


def lived_in(schema: dict[str, Any], has: dict[str, list[str]]) -> dict[str, Any]:
    """The schema, where what is named is often there, and nothing is followed live."""
    for path in LIVE:
        del schema["paths"][path]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            known = {**has, "run_id": has.get("recorded", [])} if operation["operationId"] == "record" else has
            for one in operation.get("parameters", []):
                values = known.get(one["name"], [])
                if one["name"] == "live":
                    one["schema"] = {"enum": [way for way in one["schema"]["enum"] if way != "sse"]}
                elif method == "delete":
                    itself = one["name"] in DELETED and path.endswith("{" + one["name"] + "}")
                    one["schema"] = _often(one["schema"], values[2:4] if itself else values[4:])
                elif one["name"].startswith("Producer-") and one["schema"].get("type") == "integer":
                    one["schema"] = _often(one["schema"], ["0", "1"])
                elif one["in"] != "header":
                    one["schema"] = _often(one["schema"], values[:2])
            _fill(path, operation.get("requestBody", {}), known)
    return schema


def _fill(path: str, body: dict[str, Any], known: dict[str, list[str]]) -> None:
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    fields = schema.get("properties", {})
    for name, values in (("model", known.get("model", [])), ("previous_response_id", known.get("response_id", []))):
        if name in fields:
            fields[name] = _often(fields[name], values[:2])
    if path.endswith("/chat"):
        message = user_message("Hello")
        del message["id"]
        fields["messages"] = {"const": [message]}
        for name in ("message", "messageId", "parentId", "trigger"):
            del fields[name]
    if path == "/api/runs/{run_id}/events":
        schema["items"] = {"anyOf": [{"const": {"type": "start"}}, {"type": "object"}]}


def _often(schema: dict[str, Any], values: list[str]) -> dict[str, Any]:
    return {"anyOf": [{"enum": sorted(set(values))}, schema]} if values else schema


def fuzz(schema: dict[str, Any], address: str, headers: dict[str, str], examples: int) -> Found:
    """Ask all that the schema names, in the same way each time; what deletes everything comes last, and then what makes
    somebody else of who asks."""
    config = {
        "seed": SEED,
        "suppress-health-check": ["filter_too_much", "too_slow"],
        "base-url": address,
        "headers": headers,
        "request-timeout": 120,
        "max-stream-events": 100,
        "continue-on-failure": True,
        "checks": CHECKS,
        "operations": OPERATIONS,
        "generation": {"max-examples": max(1, examples), "database": "none", "no-shrink": True},
        "phases": {
            "examples": {"enabled": False},
            "stateful": {"enabled": False},
            "coverage": {"extra-data-sources": {"responses": False}, "unexpected-methods": METHODS},
            "fuzzing": {
                "enabled": examples > 0,
                "extra-data-sources": {"responses": False},
                "error-feedback": {"enabled": False},
            },
        },
    }
    loaded = schemathesis.openapi.from_dict(schema, config=SchemathesisConfig.from_dict(config))
    found = Found()
    passes = (
        loaded.exclude(**EVERYTHING).exclude(**LEAVING),
        loaded.include(**EVERYTHING),
        loaded.include(**LEAVING),
    )
    for event in chain.from_iterable(engine.from_schema(one).execute() for one in passes):
        if isinstance(event, events.ScenarioFinished):
            _note(found, event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            where, fault = (
                (event.label, event.value) if isinstance(event, events.NonFatalError) else ("", event.exception)
            )
            found.failures.append(f"{where} could not be asked: {fault!r}")
    return found


def _note(found: Found, event: events.ScenarioFinished) -> None:
    label = event.recorder.label
    for interaction in event.recorder.interactions.values():
        found.asked += 1
        if interaction.response is not None:
            found.statuses[label].add(interaction.response.status_code)
    for checks in event.recorder.checks.values():
        for check in checks:
            if (failed := check.failure_info) is not None:
                words = f"{failed.failure.title}: {failed.failure.message}"[:500]
                found.failures.append(f"{label}: {words}\n{failed.code_sample[:800]}")


async def ask_all(house: House, client: Client, examples: int) -> Found:
    """All operations, by cases at the bounds of every field and ``examples`` of each kind beside them; as somebody who
    has things, where it is somebody."""
    has = await belongings(client, house.visitor()) if client.headers or client.cookies else {}
    schema = lived_in(await house.visitor().get("/openapi.json"), has)
    headers = dict(client.headers) | ({"Cookie": client.cookie} if client.cookies else {})
    address = f"http://127.0.0.1:{house.port}"
    return await asyncio.to_thread(fuzz, schema, address, headers, examples)


async def test_a_program_gets_no_answer_outside_of_the_schema(house: House) -> None:
    found = await ask_all(house, await house.program("fuzz"), 5)
    assert not found.failures, "\n\n".join(found.failures)
    poor = [name for name, statuses in found.statuses.items() if min(statuses) >= 400 and is_for_programs(name)]
    assert {name.rpartition("/")[2] for name in poor} <= UNREACHED, poor
    assert found.asked > 500


def is_for_programs(operation: str) -> bool:
    """Whether a token of somebody who is no admin may do this."""
    method, path = operation.split(" ", 1)
    family = scopes.family(path)
    enough = family is None or (family.reading if method == "GET" else family.writing)
    return bool(enough) and not path.startswith("/api/admin")


async def test_a_guest_gets_no_answer_outside_of_the_schema(house: House) -> None:
    guest = house.visitor()
    await guest.get("/api/me")
    found = await ask_all(house, guest, 2)
    assert not found.failures, "\n\n".join(found.failures)


async def test_who_has_no_credentials_gets_no_answer_outside_of_the_schema(house: House) -> None:
    found = await ask_all(house, house.visitor(), 0)
    assert not found.failures, "\n\n".join(found.failures)
