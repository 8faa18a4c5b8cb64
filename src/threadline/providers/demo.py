"""The built-in ``demo/demo`` model: a script that answers offline, needs no key, and says that it is a demo."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from threadline.domain.messages import Message, is_tool, text_of, tool_name
from threadline.domain.naming import first_words
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Reasoning, Script, Scripted, Step, Text, ToolCall, code, markdown
from threadline.providers.story import story
from threadline.world import World

CLOCK: Final = "getCurrentTime"

_USUAL_PACE: Final = 40.0
_PACES: Final = (
    (re.compile(r"\bvery slow(ly)?\b", re.I), 4.0),
    (re.compile(r"\bslow(ly|er)?\b", re.I), 10.0),
    (re.compile(r"\b(instantly|at once)\b", re.I), 2000.0),
    (re.compile(r"\b(fast(er)?|quick(ly)?)\b", re.I), 200.0),
)
_CODE: Final = re.compile(r"\b(code|function|program|python)\b", re.I)
_TABLE: Final = re.compile(r"\b(table|markdown|list|format(ting)?)\b", re.I)
_THINK: Final = re.compile(r"\b(think|reason(ing)?|ponder)\b", re.I)
_TIME: Final = re.compile(r"\b(time|clock|date|day is it)\b", re.I)
_LONG: Final = re.compile(r"\b(long|story|essay)\b", re.I)
_COUNT: Final = re.compile(r"\b(\d{2,4}) words\b", re.I)
_TITLE: Final = re.compile(r"\btitle\b", re.I)
_ZONE: Final = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+\b")
_LONG_WORDS: Final = 320
_MOST_WORDS: Final = 5000

_INTRO: Final = (
    "I am Threadline's built-in demo: a script, not a language model, so I know nothing, "
    "and everything that I say was written beforehand. "
)

_HELP: Final = """\
What is real is the road on which these words come to you: each one is written down before you see it. Reload the \
page, open it in a second tab, or stop the server and start it again; the answer goes on where it was.

Try a message with **code**, **table**, **think**, **time** or **long** in it, or ask me to speak *slowly* or *fast*. \
For real answers, choose another model, or add a provider to `threadline.toml`."""

_TABLE_TEXT: Final = """\
### What the demo can show

| Word in your message | What you get |
|---|---|
| `code` | a block of Python |
| `think` | reasoning before the answer |
| `time` | a tool call |
| `long` | a few hundred words |

1. A numbered list,
2. with **bold**, *italic* and `inline code`,
3. and a [link](https://example.org/).

> A quotation, so that nothing is missing."""

_CODE_TEXT: Final = '''\
from collections.abc import Iterator


def fibonacci(limit: int) -> Iterator[int]:
    """The Fibonacci numbers below ``limit``."""
    a, b = 0, 1
    while a < limit:
        yield a
        a, b = b, a + b


print(list(fibonacci(100)))'''

_THOUGHTS: Final = """\
The user wants to see reasoning. I am a script, so this is not thought but its outward form: first I repeat the \
question, then I weigh the two answers that I have, and then I pick the only one that was written for me."""


class Demo(Scripted):
    """The demo model as a ``Provider`` named ``demo``."""

    def __init__(self, world: World) -> None:
        super().__init__("demo", world, script)


def script(request: ModelRequest) -> Script:
    """What the demo answers; it depends on the request alone, so that a cut answer is continued exactly."""
    asked = _asked(request.messages)
    if _TITLE.search(request.settings.system or "") and not request.tools:
        return Script([Text(first_words(asked))])
    pace = next((pace for pattern, pace in _PACES if pattern.search(asked)), _USUAL_PACE)
    return Script([step for step in _steps(request, asked) if not isinstance(step, Text) or step.text], pace)


def _steps(request: ModelRequest, asked: str) -> list[Step]:
    steps: list[Step] = [Reasoning(_THOUGHTS)] if _THINK.search(asked) else []
    result = _clock_result(request.messages)
    if result is not None:
        return [Text(_told_time(result))]
    if _TIME.search(asked):
        if any(tool.name == CLOCK for tool in request.tools):
            zone = _ZONE.search(asked)
            text = Text("I have no clock of my own, but there is a tool for that. ")
            return [*steps, text, ToolCall(CLOCK, {"timezone": zone[0] if zone else "UTC"})]
        return [*steps, Text(_INTRO + f"I cannot tell the time here: the tool {CLOCK} is not among my tools.")]
    count = _COUNT.search(asked)
    if count or _LONG.search(asked):
        return [*steps, Text(_INTRO + "\n\n" + story(min(int(count[1]), _MOST_WORDS) if count else _LONG_WORDS))]
    if _CODE.search(asked):
        outro = "It yields numbers one by one, as this text came to you."
        return [
            *steps,
            Text(_INTRO + "Here is a small program that I know by heart:\n\n"),
            code("python", _CODE_TEXT),
            Text(outro),
        ]
    if _TABLE.search(asked):
        return [*steps, Text(_INTRO + "This is what text can look like here.\n\n"), markdown(_TABLE_TEXT)]
    return [*steps, Text(_INTRO + _echo(asked) + _HELP)]


def _asked(messages: Sequence[Message]) -> str:
    """The text of the newest user message."""
    return next((text_of(message.parts) for message in reversed(messages) if message.role == "user"), "")


def _clock_result(messages: Sequence[Message]) -> dict[str, Any] | None:
    """The clock's part of the answer that is being written, once it has a result."""
    if not messages or messages[-1].role != "assistant":
        return None
    parts = [part for part in messages[-1].parts if is_tool(part) and tool_name(part) == CLOCK]
    return parts[-1] if parts and str(parts[-1].get("state", "")).startswith("output") else None


def _told_time(part: dict[str, Any]) -> str:
    output = part.get("output")
    if part["state"] != "output-available":
        return f"The tool {CLOCK} gave me no time: {part.get('errorText') or 'it was not allowed'}."
    if isinstance(output, dict) and "time" in output:
        day = f", a {output['weekday']}" if output.get("weekday") else ""
        where = f" in {output['timezone']}" if output.get("timezone") else ""
        return f"The tool {CLOCK} says that it is **{output['time']}**{where}{day}. I only repeat it: I am a demo."
    return f"The tool {CLOCK} says: {output}. I only repeat it: I am a demo."


def _echo(asked: str) -> str:
    words = asked.split()
    if not words:
        return ""
    said = " ".join(words[:12]) + (" …" if len(words) > 12 else "")
    return f"You wrote: “{said}”\n\n"
