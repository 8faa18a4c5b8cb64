"""Users' own keys at providers: called with, tried out, asked for models, and kept nowhere."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.runs.test_webhook import Leading
from threadline.domain.addresses import LOOPBACK, NOWHERE, Private
from threadline.domain.catalog import OwnKey, ProviderConfig
from threadline.domain.errors import MissingKey, ProviderError, UnsupportedModel
from threadline.domain.facts import Known
from threadline.domain.messages import Message
from threadline.providers.http import Http
from threadline.providers.personal import Personal
from threadline.providers.protocol import ModelRequest, Provider
from threadline.providers.registry import Registry
from threadline.providers.remote import Remote
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

KEY = "sk-own-0123456789-canary"
HELLO = ModelRequest("fake-model", [Message("m", "user", [{"type": "text", "text": "Hello"}])])


@asynccontextmanager
async def opened(*configs: ProviderConfig, private: Private = LOOPBACK) -> AsyncIterator[Registry]:
    registry = Registry(configs, SystemWorld(), ollama_url=None, private=private)
    try:
        yield registry
    finally:
        await registry.close()


async def said(provider: Provider) -> str:
    batches = [batch async for batch in provider.stream(HELLO)]
    return "".join(event["delta"] for batch in batches for event in batch if event["type"] == "text-delta")


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers every request with the same bytes; its address, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


async def test_each_is_called_with_his_own_key_and_the_server_s_is_for_all_others() -> None:
    async with FakeProvider() as fake, opened(ProviderConfig("fake", base_url=fake.url, api_key="server")) as registry:
        for own in (OwnKey("mine"), OwnKey("yours"), None):
            await said(registry.get("fake/fake-model", own)[0])
        sent = [call.headers["authorization"] for call in fake.calls]
        assert sent == ["Bearer mine", "Bearer yours", "Bearer server"]
        assert fake.accepted == 1, "all share the connections"


async def test_a_key_lives_no_longer_than_what_it_calls() -> None:
    async with FakeProvider() as fake, opened(ProviderConfig("fake", base_url=fake.url)) as registry:
        provider = registry.get("fake/fake-model", OwnKey(KEY))[0]
        await said(provider)
        assert KEY not in repr(provider) + str(provider) + repr(OwnKey(KEY))
        del provider
        gc.collect()
        left = [one for one in gc.get_objects() if isinstance(one, Remote)]
        assert not [one for one in left if KEY in str(one._headers)]


async def test_a_provider_that_the_operator_did_not_set_up_is_there_for_who_has_a_key() -> None:
    async with opened() as registry:
        with pytest.raises(MissingKey, match="No anthropic API key found"):
            registry.get("anthropic/claude")
        with pytest.raises(UnsupportedModel):
            registry.get("nobody/x", OwnKey(KEY))
        assert registry.get("anthropic/claude", OwnKey(KEY))[0].name == "anthropic"


async def test_a_key_lights_its_models_up() -> None:
    async with FakeProvider(models=["a", "b"]) as fake, opened() as registry:
        own = {"openai": OwnKey(KEY, fake.url)}
        await registry.look(own, 60)
        found = {model.id: model for model in registry.models(own)}
        assert [name for name in found if name.startswith("openai/")] == ["openai/a", "openai/b"]
        assert (found["openai/a"].available, found["openai/a"].key) == (True, "user")
        assert found["demo/demo"].key == "server"
        others = [model for model in registry.models() if model.provider == "openai"]
        assert all((model.available, model.key) == (False, None) for model in others)


async def test_what_the_operator_sends_along_goes_to_his_address_alone() -> None:
    headers = {"x-operator": "his-secret"}
    async with FakeProvider() as fake, opened(ProviderConfig("openai", "openai", headers=headers)) as registry:
        await said(registry.get("openai/fake-model", OwnKey(KEY, fake.url))[0])
        assert "x-operator" not in fake.calls[0].headers


@pytest.mark.parametrize(
    ("status", "body", "ok", "words"),
    [
        (b"200 OK", b'{"data": [{"id": "a"}]}', True, "OpenAI takes this key. It has 1 model."),
        (b"200 OK", b'{"what": 1}', True, "OpenAI takes this key."),
        (
            b"401 Unauthorized",
            b'{"error": {"message": "Wrong key %b."}}' % KEY.encode(),
            False,
            "refuses this key: Wrong",
        ),
        (b"404 Not Found", b"{}", False, "no list of models there"),
        (b"429 Too Many", b'{"error": {"message": "Slow down."}}', False, "Slow down."),
        (b"500 Oh", b"<html>", False, "500"),
        (b"200 OK", b'\xff{"data"', True, "takes this key"),
    ],
)
async def test_a_key_is_tried_out_and_what_comes_of_it_is_told_in_words(
    status: bytes, body: bytes, ok: bool, words: str
) -> None:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    async with answering(head + body) as (url, asked), opened() as registry:
        trial = await registry.tried("openai", OwnKey(KEY, url))
        assert trial.ok is ok
        assert words in trial.message
        assert KEY not in trial.message
        assert asked[0].startswith(b"GET /models ")
        assert b"Bearer " + KEY.encode() in asked[0]


async def test_where_nobody_answers_that_is_said() -> None:
    async with FakeProvider() as gone:
        url = gone.url
    async with opened() as registry:
        trial = await registry.tried("openai", OwnKey(KEY, url))
        assert (trial.ok, "could not be reached" in trial.message) == (False, True)


async def test_a_redirect_is_not_followed_and_takes_no_key_along() -> None:
    async with FakeProvider(Control()) as fake:
        there = f"HTTP/1.1 302 Found\r\nLocation: {fake.url}/models\r\nContent-Length: 0\r\n\r\n".encode()
        async with answering(there) as (url, asked), opened() as registry:
            assert not (await registry.tried("openai", OwnKey(KEY, url))).ok
            await registry.look({"openai": OwnKey(KEY, url)}, 60)
            with pytest.raises(ProviderError):
                await said(registry.get("openai/x", OwnKey(KEY, url))[0])
            assert len(asked) == 3
        assert fake.accepted == 0


async def test_what_comes_from_an_address_that_a_user_gave_has_an_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    event = b"data: " + b'{"choices": [{"delta": {"content": "%b"}}]}' % (b"x" * (1 << 20)) + b"\n\n"
    async with answering(head + event * 65) as (url, _), opened() as registry:
        with pytest.raises(ProviderError, match="more than any answer has"):
            await said(registry.get("openai/x", OwnKey(KEY, url))[0])


@pytest.mark.parametrize(("size", "is_taken"), [(1 << 20, True), (3 << 20, False)])
async def test_of_what_comes_from_there_little_is_read_as_json_at_once(size: int, is_taken: bool) -> None:
    """It takes thirty times its room in memory, and all that time nobody else is served."""
    body = b'{"data": [' + b"[]," * (size // 3) + b'{"id": "a"}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with answering(head + body) as (url, _), opened() as registry:
        own = OwnKey(KEY, url)
        trial = await registry.tried("openai", own)
        assert (trial.ok, "more than any answer has" in trial.message) == (is_taken, not is_taken)
        with pytest.raises(ProviderError) as caught:
            await said(registry.get("openai/x", own)[0])
        assert ("more than any answer has" in caught.value.message) is not is_taken
        http = Http(SystemWorld(), private=LOOPBACK)
        assert (await http.get_json(url, {}, 10) is not None) is is_taken
        await http.close()


async def test_nor_as_one_event() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    event = b"data: [" + b"[]," * (5 << 20) + b"0]\n\n"
    async with answering(head + event) as (url, _), opened() as registry:
        with pytest.raises(ProviderError, match="an event of more than"):
            await said(registry.get("openai/x", OwnKey(KEY, url))[0])


async def test_a_private_address_is_not_called_whatever_led_there() -> None:
    async with FakeProvider() as fake:
        port = fake.root.rpartition(":")[2]
        async with opened(private=NOWHERE) as registry:
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
                own = OwnKey(KEY, f"https://{host}:{port}/v1")
                trial = await registry.tried("openai", own)
                assert not trial.ok
                with pytest.raises(ProviderError) as caught:
                    await said(registry.get("openai/x", own)[0])
                assert "may not be called" in caught.value.message or "could not be reached" in caught.value.message
                assert not caught.value.retryable or "could not be reached" in caught.value.message
        assert fake.accepted == 0


@pytest.mark.parametrize(
    ("scheme", "private", "is_called"),
    [
        ("https", NOWHERE, False),
        ("http", NOWHERE, False),
        ("http", LOOPBACK, True),
        ("http", Private.of(["models.example.org"]), True),
        ("http", Private.of(["other.example.org", "10.0.0.0/8"]), False),
        ("http", Private.of(["on"]), True),
    ],
)
async def test_what_counts_is_the_address_that_is_connected_to_not_the_name(
    scheme: str, private: Private, is_called: bool
) -> None:
    async with FakeProvider() as fake:
        url = f"{scheme}://models.example.org:{fake.root.rpartition(':')[2]}/v1/models"
        http = Http(SystemWorld(), private=private, resolver=Leading("127.0.0.1"))
        found = await http.get_json(url, {}, 10)
        assert (found is not None) is is_called
        assert (fake.accepted > 0) is is_called
        await http.close()


async def test_a_connection_in_clear_leads_to_no_public_address() -> None:
    http = Http(SystemWorld(), private=LOOPBACK, resolver=Leading("93.184.216.34"))
    with pytest.raises(ProviderError, match="without https"):
        async with http.post("Somebody", "http://models.example.org/v1", b"{}", {}):
            pass
    await http.close()


def config(key: str) -> ProviderConfig:
    return ProviderConfig("openai", "openai", api_key=key)


class Asked:
    """Answers when the test says."""

    def __init__(self, answer: Callable[[ProviderConfig], Any] = lambda _: [Known("a")]) -> None:
        self.asked: list[str | None] = []
        self.go = asyncio.Event()
        self.answer = answer

    async def __call__(self, one: ProviderConfig) -> list[Known] | None:
        self.asked.append(one.api_key)
        await self.go.wait()
        found: list[Known] | None = self.answer(one)
        return found


async def test_models_are_asked_for_once_and_no_longer_waited_for_than_is_said() -> None:
    asked = Asked()
    personal = Personal(SystemWorld(), asked)
    await asyncio.gather(*(personal.look([config("k")], 0.01) for _ in range(3)))
    assert (asked.asked, personal.found(config("k"))) == (["k"], None)
    asked.go.set()
    await personal.look([config("k")], 60)
    assert personal.found(config("k")) == [Known("a")]
    assert personal.found(config("other")) is None
    await personal.look([config("k")], 60)
    assert asked.asked == ["k"]
    await personal.look([config(KEY)], 60)
    assert KEY not in repr(vars(personal))
    await personal.close()


async def test_what_did_not_answer_is_asked_again_later_and_what_was_known_stays() -> None:
    class Later(SystemWorld):
        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

    world, answers = Later(), iter([None, [Known("a")], None])
    asked = Asked(lambda _: next(answers))
    asked.go.set()
    personal = Personal(world, asked)
    for expected, ahead in ((None, 30), (None, 61), ([Known("a")], 599), ([Known("a")], 601), ([Known("a")], 0)):
        await personal.look([config("k")], 60)
        await asyncio.sleep(0)
        assert personal.found(config("k")) == expected
        world.ahead += ahead
    while len(asked.asked) < 3:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert personal.found(config("k")) == [Known("a")]
    await personal.close()


async def test_only_so_many_lists_are_remembered() -> None:
    asked = Asked()
    asked.go.set()
    personal = Personal(SystemWorld(), asked)
    for number in range(1005):
        await personal.look([config(f"k{number}")], 60)
    assert len(personal._known) == 1000
    assert personal.found(config("k0")) is None
    assert personal.found(config("k1004")) == [Known("a")]
    await personal.close()


async def test_and_only_so_many_models_in_them() -> None:
    asked = Asked(lambda _: [Known("a")] * 1000)
    asked.go.set()
    personal = Personal(SystemWorld(), asked)
    for number in range(60):
        await personal.look([config(f"k{number}")], 60)
    assert (len(personal._known), personal._models) == (50, 50_000)
    assert (personal.found(config("k9")), len(personal.found(config("k59")) or ())) == (None, 1000)
    await personal.close()
