/** What the development fake answers: reasoning, markdown, code, a tool, an error; by words in the question. */

import type { Event } from "../src/protocol/events.ts";

const MARKDOWN = `Here is a **worked example** of how an answer reads. It has [a link](https://example.org), some \`inline code\`, and a list:

- The first point is short.
- The second one is a little longer, so that one sees how lines wrap when they reach the end of the column and go on below.
  - With a nested thought
- And a third.

## A function

\`\`\`python
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """Half open: [start, end)."""

    start: int
    end: int


def merge(intervals: list[Interval]) -> list[Interval]:
    # Sorted by start, each can only touch the one before it.
    out: list[Interval] = []
    for one in sorted(intervals, key=lambda it: it.start):
        if out and one.start <= out[-1].end:
            out[-1] = Interval(out[-1].start, max(out[-1].end, one.end))
        else:
            out.append(one)
    return out
\`\`\`

### A table

| | SQLite | PostgreSQL |
|---|---|---|
| Set-up | none | a server |
| Writers | one at a time | many |
| Best for | one machine | more than one |

> A quotation, set a little aside.

1. First do this.
2. Then that, with <b>raw html</b> shown as text.

\`\`\`bash
# install it
pip install threadline && threadline serve --port 8000
\`\`\`

That is all there is to it.`;

function words(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [text];
}

function say(part: string, kind: "text" | "reasoning", text: string): Event[] {
  return [
    { type: `${kind}-start`, id: part },
    ...words(text).map((delta) => ({ type: `${kind}-delta`, id: part, delta }) as Event),
    { type: `${kind}-end`, id: part },
  ];
}

function tool(): Event[] {
  const input = '{"city": "Lisbon", "days": 3}';
  return [
    { type: "tool-input-start", toolCallId: "c1", toolName: "getWeather" },
    ...(input.match(/.{1,4}/g) ?? []).map(
      (inputTextDelta) => ({ type: "tool-input-delta", toolCallId: "c1", inputTextDelta }) as Event,
    ),
    { type: "tool-input-available", toolCallId: "c1", toolName: "getWeather", input: JSON.parse(input) },
    { type: "finish-step", finishReason: "tool-calls" },
    {
      type: "tool-output-available",
      toolCallId: "c1",
      output: { celsius: 21, sky: "clear", wind: "light, from the west" },
    },
    { type: "start-step" },
  ];
}

/** The events of an answer to `question`, without its `start` and `finish`. */
export function answerTo(question: string): Event[] {
  const asked = question.toLowerCase();
  if (asked.includes("long")) {
    const text = Array.from(
      { length: 60 },
      (_, at) => `Paragraph ${at + 1}. ${"It goes on and on, calmly. ".repeat(9)}`,
    );
    return [{ type: "start-step" }, ...say("p0", "text", text.join("\n\n")), { type: "finish-step" }];
  }
  if (asked.includes("short"))
    return [{ type: "start-step" }, ...say("p0", "text", "Short it is."), { type: "finish-step" }];
  if (asked.includes("fail")) {
    const error: Event = {
      type: "error",
      errorText: "The model is overloaded right now (529). Try again in a moment.",
    };
    return [{ type: "start-step" }, ...say("p0", "text", "It began well, and then"), error];
  }
  const thought =
    "The question is open, so I will show what there is. First a word of reasoning, then the answer with code and a table.";
  return [
    { type: "start-step" },
    ...say("p0", "reasoning", thought),
    ...(asked.includes("weather") || asked.includes("lisbon")
      ? [...say("p1", "text", "Let me look at the weather first."), ...tool()]
      : []),
    ...say("p2", "text", MARKDOWN),
    { type: "finish-step" },
  ];
}
