"""Scripts played at a pace, the demo model, and how both go on with a cut answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.asking import check_form, request, user
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.messages import Message, is_tool, text_of
from threadline.providers.demo import CLOCK, Demo
from threadline.providers.protocol import ModelRequest, ModelSettings, Provider, ToolSpec
from threadline.providers.scripted import Fail, Pause, Reasoning, Script, Scripted, Step, Text, ToolCall, code, markdown

pytestmark = pytest.mark.anyio

CLOCK_SPEC = ToolSpec(CLOCK, "The time.", {"type": "object"})


class Clockwork:
    """A world whose time passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)

    def entropy(self, count: int) -> bytes:
        return bytes(count)

    def uniform(self, low: float, _high: float) -> float:
        return low


async def play(provider: Provider, asked: ModelRequest) -> list[Event]:
    return [event async for batch in provider.stream(asked) for event in batch]


async def demo(text: str, **more: object) -> list[Event]:
    return await play(Demo(Clockwork()), request("demo", text, **more))


def text(events: Sequence[Event]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "text-delta")


STEPS: list[Step] = [
    Reasoning("Hm, let me see."),
    Text("First this. "),
    Pause(2),
    markdown("# Head"),
    code("python", "print(1)"),
    ToolCall("look", {"a": 1}),
]


async def test_a_script_is_played_step_by_step() -> None:
    world = Clockwork()
    fold = check_form(await play(Scripted("s", world, Script(STEPS)), request("s", first_part=2)), first_part=2)
    assert [part["type"] for part in fold.parts] == ["reasoning", "text", "tool-look"]
    assert fold.parts[1]["text"] == "First this. # Head\n\n```python\nprint(1)\n```\n\n"
    assert fold.parts[2]["input"] == {"a": 1}
    assert fold.step_reason == "tool-calls"
    assert world.time == 2


@pytest.mark.parametrize("pace", [4, 40, 200])
async def test_a_script_keeps_its_pace(pace: float) -> None:
    world = Clockwork()
    await play(Scripted("s", world, Script([Text("word " * 100)], pace)), request("s"))
    assert world.time == pytest.approx(100 / pace)


async def test_without_a_pace_words_come_at_once() -> None:
    script = Scripted("s", Clockwork(), Script([Text("word " * 100)]))
    assert len([batch async for batch in script.stream(request("s"))]) == 1


async def test_a_script_may_fail_after_some_words() -> None:
    script = Scripted("s", Clockwork(), Script([Text("a b c"), Fail(ProviderError("Broken."))]))
    seen: list[Event] = []

    async def take() -> None:
        async for batch in script.stream(request("s")):
            seen.extend(batch)

    with pytest.raises(ProviderError, match="Broken"):
        await take()
    assert text(seen) == "a b c"


WORDS = ["Write code", "a table", "think of a long story", "hello", "3 words", "250 words"]


@given(st.sampled_from(WORDS), st.data())
async def test_the_demo_goes_on_exactly_after_any_beginning(words: str, data: st.DataObject) -> None:
    whole = text(await demo(words))
    at = data.draw(st.integers(1, len(whole)))
    assert whole[:at] + text(await demo(words, partial=whole[:at])) == whole


async def test_a_text_that_is_not_the_scripts_is_not_continued() -> None:
    with pytest.raises(ProviderError, match="cannot be continued"):
        await demo("hello", partial="Quite another text")


async def test_reasoning_is_not_repeated_when_a_text_goes_on() -> None:
    whole = await demo("think")
    assert any(event["type"] == "reasoning-start" for event in whole)
    rest = await demo("think", partial=text(whole)[:30])
    assert not any(event["type"].startswith("reasoning") for event in rest)


@pytest.mark.parametrize(
    "words", ["Hello", "Write code", "Make a table", "Think first", "A long story", "What time is it?"]
)
async def test_the_demo_says_that_it_is_a_demo(words: str) -> None:
    assert "demo: a script, not a language model" in text(await demo(words))


async def test_the_demo_shows_each_kind_of_answer() -> None:
    assert "```python" in text(await demo("Write some code, please"))
    assert "|---|" in text(await demo("Show me a table"))
    assert [part["type"] for part in check_form(await demo("Think about it")).parts] == ["reasoning", "text"]
    assert 250 <= len(text(await demo("Tell me a long story")).split()) <= 500
    assert len(text(await demo("Give me 1000 words")).split()) > 1000
    assert "You wrote: “Hello there”" in text(await demo("Hello there"))


@pytest.mark.parametrize("count", [10, 320, 500, 1234, 5000])
async def test_a_long_answer_has_its_words_ends_with_a_sentence_and_says_none_twice(count: int) -> None:
    told = text(await demo(f"Tell me {count} words, please"))
    assert told.endswith(".")
    _, *parts = told.split("\n\n")
    assert [part.split("**")[1] for part in parts] == [f"Part {at} of {len(parts)}." for at in range(1, len(parts) + 1)]
    sentences = [sentence for part in parts for sentence in part.split("** ")[1].split(". ")]
    assert len(set(sentences)) == len(sentences)
    assert count <= len(" ".join(sentences).split()) < count + 30


async def test_the_demo_calls_the_clock_and_uses_its_answer() -> None:
    asked = "What time is it in Europe/Berlin?"
    first = check_form(await demo(asked, tools=[CLOCK_SPEC]))
    (call,) = [part for part in first.parts if is_tool(part)]
    assert (call["type"], call["input"]) == (f"tool-{CLOCK}", {"timezone": "Europe/Berlin"})
    output = {"time": "2026-11-20T11:00:00+01:00", "timezone": "Europe/Berlin", "weekday": "Friday"}
    done = call | {"state": "output-available", "output": output}
    history = [user(asked), Message("a", "assistant", [{"type": "step-start"}, *first.parts[:-1], done])]
    second = await demo("", messages=history, tools=[CLOCK_SPEC])
    assert "**2026-11-20T11:00:00+01:00** in Europe/Berlin, a Friday" in text(second)
    assert check_form(second).step_reason == "stop"
    failed = call | {"state": "output-error", "errorText": "No zone."}
    history = [user(asked), Message("a", "assistant", [failed])]
    assert "No zone." in text(await demo("", messages=history, tools=[CLOCK_SPEC]))


async def test_the_demo_calls_no_tool_that_it_was_not_given() -> None:
    events = await demo("What time is it?")
    assert not any(event["type"].startswith("tool") for event in events)


async def test_calls_of_a_later_turn_have_other_ids() -> None:
    asked = "What time is it?"
    first = check_form(await demo(asked, tools=[CLOCK_SPEC])).parts[-1]
    answered = Message("a", "assistant", [first | {"state": "output-available", "output": "12"}])
    again = check_form(await demo("", messages=[user(asked), answered, user(asked)], tools=[CLOCK_SPEC])).parts[-1]
    assert again["toolCallId"] != first["toolCallId"]


@pytest.mark.parametrize(
    ("words", "pace"),
    [("hello", 40), ("slowly", 10), ("very slowly", 4), ("fast", 200), ("quickly", 200), ("at once", 2000)],
)
async def test_the_user_chooses_the_demos_pace(words: str, pace: float) -> None:
    world = Clockwork()
    events = await play(Demo(world), request("demo", words))
    count = sum(event["type"] == "text-delta" for event in events)
    assert world.time == pytest.approx(count / pace)


async def test_the_demo_names_a_conversation_by_its_users_first_words() -> None:
    settings = ModelSettings(system="Give this conversation a title of two to five words.")
    assert text(await demo("hello, fast please", settings=settings)) == "Hello, fast please"


async def test_usage_counts_words() -> None:
    fold = check_form(await demo("one two three"))
    assert fold.usage["inputTokens"] == 3
    assert fold.usage["outputTokens"] == len(text_of(fold.parts).split())
