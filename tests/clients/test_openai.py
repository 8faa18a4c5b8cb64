"""OpenAI's own clients, in Python and Node, against a running server: every way in, every way back."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.support.answers import Assembly, follow, until
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.node import CLIENTS, installed_clients, node_path
from tests.support.server import Server

pytestmark = pytest.mark.anyio

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
CHUNKS = 12
CUT: dict[str, Any] = {"chunks": 200, "pace": 0.01, "hold_at": 150, "again": {"hold_at": None}}
"""An answer that does not end before the server does."""
LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}
LOOK_CHAT: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    if not running.running:
        running.up()
    return running.token("program")


@pytest.fixture
async def client(server: Server, token: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=token, base_url=f"{server.url}/v1", max_retries=0, timeout=120) as client:
        yield client


class Seen:
    """What one client saw of a response, through any number of cuts."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @property
    def id(self) -> str:
        return str(self.events[0].response.id)

    @property
    def last(self) -> int:
        return int(self.events[-1].sequence_number)

    @property
    def text(self) -> str:
        return "".join(one.delta for one in self.events if one.type == "response.output_text.delta")

    async def take(self, stream: Any, most: int | None = None) -> None:
        """All of it, or the first ``most`` events, after which the connection is cut."""
        async with stream:
            async for event in stream:
                assert event.sequence_number == len(self.events), "an event is missing or came twice"
                EVENT.validate_python(event.to_dict(), strict=True)
                self.events.append(event)
                if most is not None and len(self.events) >= most:
                    return

    def check(self, text: str) -> None:
        """It is whole."""
        assert self.text == text
        assert self.events[-1].type == "response.completed"
        assert self.events[-1].response.output_text == text


@pytest.mark.parametrize("background", [False, True])
async def test_a_stream_is_whole_and_of_the_clients_types(client: AsyncOpenAI, fake: Fake, background: bool) -> None:
    seen = Seen()
    model = fake.model(chunks=50, reasoning=5)
    await seen.take(await client.responses.create(model=model, input="Go.", stream=True, background=background))
    seen.check(fake.text(chunks=50))
    (thoughts, _) = seen.events[-1].response.output
    assert thoughts.content[0].text == fake.reasoning(reasoning=5)
    assert ("response.queued" in [event.type for event in seen.events]) == background
    assert (await client.responses.retrieve(seen.id)).output_text == fake.text(chunks=50)


@pytest.mark.parametrize("background", [False, True])
async def test_a_paced_answer_that_is_dropped_at_any_event_goes_on_exactly_there(
    client: AsyncOpenAI, fake: Fake, background: bool
) -> None:
    model = fake.model(chunks=CHUNKS, pace=0.05)

    async def dropped(at: int) -> Seen:
        seen = Seen()
        await seen.take(await client.responses.create(model=model, input="Go.", stream=True, background=background), at)
        await seen.take(await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last))
        return seen

    whole = Seen()
    await whole.take(await client.responses.create(model=model, input="Go.", stream=True, background=background))
    every = await asyncio.gather(*(dropped(at) for at in range(1, len(whole.events) + 1)))
    for seen in every:
        seen.check(fake.text(chunks=CHUNKS))
        assert [event.type for event in seen.events] == [event.type for event in whole.events]


async def test_one_reader_who_is_dropped_after_every_event_has_the_answer_whole(
    client: AsyncOpenAI, fake: Fake
) -> None:
    seen = Seen()
    model = fake.model(chunks=CHUNKS, pace=0.02)
    await seen.take(await client.responses.create(model=model, input="Go.", stream=True), 1)
    while seen.events[-1].type != "response.completed":
        again = await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last)
        await seen.take(again, len(seen.events) + 1)
    seen.check(fake.text(chunks=CHUNKS))


async def test_a_server_killed_in_mid_answer_goes_on_and_the_stream_is_whole(
    server: Server, client: AsyncOpenAI, fake: Fake
) -> None:
    seen, text = Seen(), fake.text(chunks=200)
    stream = await client.responses.create(model=fake.model(**CUT), input="Go.", stream=True)
    reading = asyncio.create_task(seen.take(stream))
    await until(lambda: len(seen.text) > 100)
    await asyncio.to_thread(server.kill9)
    with pytest.raises(openai.APIError):
        await reading
    assert 0 < len(seen.text) < len(text)
    await asyncio.to_thread(server.up)
    before = list(seen.events)
    await seen.take(await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last))
    seen.check(text)
    again = Seen()
    await again.take(await client.responses.retrieve(seen.id, stream=True))
    assert [event.to_dict() for event in again.events[: len(before)]] == [event.to_dict() for event in before]
    assert [event.to_dict() for event in again.events] == [event.to_dict() for event in seen.events]


async def test_a_terminated_server_cuts_the_stream_and_goes_on(server: Server, client: AsyncOpenAI, fake: Fake) -> None:
    seen = Seen()
    stream = await client.responses.create(model=fake.model(**CUT), input="Go.", stream=True)
    reading = asyncio.create_task(seen.take(stream))
    await until(lambda: len(seen.text) > 100)
    await asyncio.to_thread(server.terminate)
    with pytest.raises(openai.APIError):
        await reading
    await asyncio.to_thread(server.up)
    await seen.take(await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last))
    seen.check(fake.text(chunks=200))


async def test_a_background_answer_is_polled_to_its_end(client: AsyncOpenAI, fake: Fake) -> None:
    made = await client.responses.create(model=fake.model(chunks=20, pace=0.01), input="Go.", background=True)
    states = [made.status]
    while made.status in ("queued", "in_progress"):
        await asyncio.sleep(0.05)
        made = await client.responses.retrieve(made.id)
        states.append(made.status)
    assert states[0] == "queued"
    assert (made.status, made.output_text) == ("completed", fake.text(chunks=20))


async def test_a_cancelled_answer_is_cancelled_for_everyone(client: AsyncOpenAI, fake: Fake) -> None:
    seen = Seen()
    stream = await client.responses.create(
        model=fake.model(chunks=5000, pace=0.02), input="Go.", stream=True, background=True
    )
    await seen.take(stream, 12)
    done = await client.responses.cancel(seen.id)
    assert done.status == "cancelled"
    assert fake.text(chunks=5000).startswith(done.output_text)
    await seen.take(await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last))
    assert seen.events[-1].type == "response.incomplete"
    assert seen.events[-1].response.status == "cancelled"
    assert seen.text == done.output_text


async def test_the_clients_own_helper_follows_and_resumes(client: AsyncOpenAI, fake: Fake) -> None:
    text = fake.text(chunks=30)
    async with client.responses.stream(model=fake.model(chunks=30, pace=0.005), input="Go.") as stream:
        final = await stream.get_final_response()
    assert final.output_text == text
    async with client.responses.stream(response_id=final.id, starting_after=10) as stream:
        numbers = [event.sequence_number async for event in stream]
        assert (await stream.get_final_response()).output_text == text
    assert numbers[0] == 11


async def test_a_conversation_goes_on_by_the_response_before(client: AsyncOpenAI, fake: Fake) -> None:
    model = fake.model(chunks=5)
    first = await client.responses.create(model=model, input="One.", instructions="Be brief.")
    second = await client.responses.create(model=model, input="Two.", previous_response_id=first.id)
    sent = fake.requests()[-1]["messages"]
    assert [(one["role"], one["content"]) for one in sent] == [
        ("user", "One."),
        ("assistant", fake.text(chunks=5)),
        ("user", "Two."),
    ]
    items = [item async for item in client.responses.input_items.list(second.id, order="asc", limit=2)]
    assert [item.type for item in items] == ["message"] * 3
    assert items[1].id == first.output[0].id


async def test_a_tool_goes_to_the_client_and_its_output_back_to_the_model(client: AsyncOpenAI, fake: Fake) -> None:
    model = fake.model(tool=["look", "look"], before=3, chunks=5)
    asked = await client.responses.create(
        model=model, input="Go.", tools=[LOOK], tool_choice="required", parallel_tool_calls=True
    )
    calls = [item for item in asked.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}] * 2
    sent = fake.requests()[-1]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", True)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look"]
    outputs: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls]
    told = await client.responses.create(
        model=fake.model(chunks=5), input=outputs, previous_response_id=asked.id, tools=[LOOK]
    )
    assert told.output_text == fake.text(chunks=5)
    messages = fake.requests()[-1]["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "tool"]
    assert [one["content"] for one in messages[2:]] == ["rain", "rain"]
    assert [one["id"] for one in messages[1]["tool_calls"]] == [call.call_id for call in calls]


async def test_a_tools_arguments_stream_and_are_dropped_and_resumed(client: AsyncOpenAI, fake: Fake) -> None:
    model = fake.model(tool="look", arguments_pace=0.02)
    whole = Seen()
    await whole.take(await client.responses.create(model=model, input="Go.", tools=[LOOK], stream=True))
    for at in range(1, len(whole.events)):
        seen = Seen()
        await seen.take(await client.responses.create(model=model, input="Go.", tools=[LOOK], stream=True), at)
        await seen.take(await client.responses.retrieve(seen.id, stream=True, starting_after=seen.last))
        (call,) = seen.events[-1].response.output
        assert (call.type, json.loads(call.arguments)) == ("function_call", {"city": "Oslo"})
        assert [event.type for event in seen.events] == [event.type for event in whole.events]


class Place(BaseModel):
    """A shape for an answer."""

    city: str


async def test_an_answer_of_a_shape_is_parsed_by_the_client(client: AsyncOpenAI, fake: Fake) -> None:
    parsed = await client.responses.parse(model=fake.model(text='{"city":"Oslo"}'), input="Go.", text_format=Place)
    assert parsed.output_parsed == Place(city="Oslo")
    sent = fake.requests()[-1]["response_format"]
    assert (sent["type"], sent["json_schema"]["name"]) == ("json_schema", "Place")


async def test_what_a_model_s_limits_and_failures_are_called(client: AsyncOpenAI, fake: Fake) -> None:
    short = await client.responses.create(model=fake.model(chunks=5, finish="length"), input="Go.")
    assert short.status == "incomplete"
    assert short.incomplete_details is not None
    assert short.incomplete_details.reason == "max_output_tokens"
    failing = fake.model(error="The fake is tired.", status=400)
    with pytest.raises(openai.InternalServerError, match="The fake is tired"):
        await client.responses.create(model=failing, input="Go.")
    seen = Seen()
    await seen.take(await client.responses.create(model=failing, input="Go.", stream=True))
    assert [event.type for event in seen.events[-2:]] == ["error", "response.failed"]
    assert seen.events[-1].response.error.message.endswith("The fake is tired.")
    with pytest.raises(openai.InternalServerError, match="Enough"):
        await client.responses.create(model=fake.model(chunks=9, error="Enough.", error_at=4), input="Go.")
    with pytest.raises(openai.APIError, match="The fake is tired"):
        async for _ in await client.chat.completions.create(
            model=failing, messages=[{"role": "user", "content": "Go."}], stream=True
        ):
            pass


async def test_what_is_refused_is_raised_as_the_client_knows_it(client: AsyncOpenAI, server: Server) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve("resp_nobody")
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="demo", input="x", previous_response_id="resp_nobody")
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="demo", input="x", temperature=9)
    assert (refused.value.param, refused.value.type) == ("temperature", "invalid_request_error")
    assert refused.value.request_id
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="no/such", input="x")
    assert refused.value.code == "model_not_found"
    async with AsyncOpenAI(api_key="nobody", base_url=f"{server.url}/v1") as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()


async def test_a_deleted_response_is_not_found(client: AsyncOpenAI, fake: Fake) -> None:
    made = await client.responses.create(model=fake.model(chunks=3), input="Go.")
    await client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_models_are_listed_and_found(client: AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]
    assert "demo/demo" in listed
    assert (await client.models.retrieve("demo/demo")).owned_by == "demo"


async def test_chat_completions_whole_and_in_chunks(client: AsyncOpenAI, fake: Fake) -> None:
    model, said = fake.model(chunks=20, reasoning=3), [{"role": "user", "content": "Go."}]
    text = fake.text(chunks=20)
    whole = await client.chat.completions.create(model=model, messages=said)  # type: ignore[arg-type]
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (text, "stop")
    assert whole.usage is not None
    assert whole.usage.completion_tokens_details is not None
    assert whole.usage.completion_tokens_details.reasoning_tokens == 3
    async with client.chat.completions.stream(
        model=model,
        messages=said,  # type: ignore[arg-type]
        stream_options={"include_usage": True},
    ) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == text
    assert final.usage == whole.usage


async def test_chat_completions_hand_calls_to_the_client(client: AsyncOpenAI, fake: Fake) -> None:
    said: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Go."}]
    model = fake.model(tool="look", before=2, chunks=4)
    async with client.chat.completions.stream(model=model, messages=said, tools=[LOOK_CHAT]) as stream:
        choice = (await stream.get_final_completion()).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    again = [*said, choice.message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    told = await client.chat.completions.create(model=model, messages=again, tools=[LOOK_CHAT], stop=["x"], seed=7)
    assert told.choices[0].message.content == fake.text(chunks=4)
    sent = fake.requests()[-1]
    assert [one["role"] for one in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert (sent["stop"], sent["seed"]) == (["x"], 7)
    assert "temperature" not in sent


async def test_one_answer_is_followed_at_every_address(
    server: Server, token: str, client: AsyncOpenAI, fake: Fake
) -> None:
    native = Client(server.port, headers={"Authorization": f"Bearer {token}"})
    seen, other = Seen(), Assembly()
    stream = await client.responses.create(model=fake.model(chunks=60, pace=0.01), input="Go.", stream=True)
    run = stream.response.headers["x-threadline-run"]
    await asyncio.gather(seen.take(stream), follow(native, run, other))
    seen.check(fake.text(chunks=60))
    assert other.text == seen.text
    posted = await native.open(
        "POST",
        "/api/chat",
        {
            "id": "a-page",
            "message": {"role": "user", "parts": [{"type": "text", "text": fake.prompt(chunks=30, pace=0.01)}]},
        },
    )
    again = Seen()
    name = posted.headers["x-threadline-run"].replace("run_", "resp_")
    await again.take(await client.responses.retrieve(name, stream=True))
    posted.close()
    assert again.events[-1].type == "response.completed"
    assert again.text == (await client.responses.retrieve(name)).output_text


async def test_the_node_client_once_through(server: Server, token: str, fake: Fake) -> None:
    node = node_path()
    if node is None:
        pytest.skip("missing tool: no Node.js")
    installed_clients()
    model, text = fake.model(chunks=30, pace=0.005), fake.text(chunks=30)
    command = [node, str(CLIENTS / "openai.mjs"), f"{server.url}/v1", token, model]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=CLIENTS, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "demo/demo" in seen["models"]
    for name in ("stream", "dropped"):
        assert seen[name]["text"] == text
        assert seen[name]["numbers"] == list(range(len(seen[name]["numbers"])))
    assert seen["stream"]["types"][-1] == "response.completed"
    assert [seen[name] for name in ("whole", "helper", "chat", "chunks")] == [text] * 4
    assert seen["inputs"] == ["message"] * 3
    assert (seen["cancelled"], seen["gone"], seen["stranger"]) == ("cancelled", 404, 401)
    assert seen["wrong"] == [400, "input", "bad_request"]
