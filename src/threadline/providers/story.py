"""The demo's long answer: numbered parts of whole sentences, none of which comes twice."""

from __future__ import annotations

from typing import Final

_WHO: Final = (
    "A baker",
    "A night nurse",
    "A harbour pilot",
    "A student of maps",
    "A tram driver",
    "A maker of violins",
    "A keeper of bees",
    "A young judge",
    "A retired diver",
    "A cook on a ferry",
    "A teacher of chess",
    "A mountain guide",
    "A mender of clocks",
)
_ASKS: Final = (
    "asks why dough rises while nobody looks",
    "wants a difficult letter put into plain words",
    "asks how far away the thunder is",
    "wants the old street names of a town that was rebuilt",
    "asks for a riddle that has exactly one answer",
    "wants to know what the stars were used for before there were clocks",
    "asks for the rules of a game that only the grandparents knew",
    "wants a speech that is shorter than the applause",
    "asks which knot holds when the rope is wet",
    "wants a recipe for forty guests and one small oven",
    "asks how to say sorry without a single excuse",
)
_WHEN: Final = (
    "Before the first full stop",
    "In the middle of a long word",
    "At the third comma",
    "Just as the kettle begins to sing",
    "Under the second bridge",
    "While the list is still growing",
    "One line above the end",
    "At the very best moment of the story",
    "Between two breaths",
    "As the answer comes to its point",
    "Where a number should have followed",
    "In the shade of a tunnel",
    "On the last stair before the roof",
)
_FAILS: Final = (
    "the network falls silent",
    "somebody closes the tab by mistake",
    "the server loses its power",
    "the browser is updated and starts again",
    "the page is reloaded, twice, out of impatience",
    "the process is killed by a careful administrator",
    "the cable leaves its socket",
    "the provider hangs up without a word",
    "the laptop goes to sleep",
    "a new version of the program is put in place",
    "the connection is cut by a proxy that has waited long enough",
)
_KEEPS: Final = (
    "Nothing is missing, for",
    "This is no reason for alarm:",
    "Nobody has to begin again, because",
    "The words are not gone:",
    "An hour of work is not lost, as",
    "It would be a pity, but",
    "There is no need to ask a second time:",
    "That is what a log is for, and so",
    "The story does not mind, since",
    "It hardly matters, because",
    "Luckily this was expected:",
    "One might worry, and yet",
    "It is a short pause, no more:",
)
_HOW: Final = (
    "each piece was written down before it was shown",
    "every event has the next number, and there are no gaps between them",
    "the answer belongs to its conversation and not to a connection",
    "another worker finds the run without an owner and takes it over",
    "the model goes on behind the last word that was kept",
    "all readers read the same log, in the same order",
    "what was seen stands on the disk already",
    "an old worker that wakes up too late may not write any more",
    "the question was kept first, and the answer was begun afterwards",
    "a lease that is not renewed runs out by itself",
    "two writers can never hold the same pen",
)
_LATER: Final = (
    "A minute later",
    "From the next window",
    "With a new cable",
    "After the coffee",
    "When the light is back",
    "On the following morning",
    "As soon as the page wakes up",
    "Without being asked",
    "At the next stop",
    "In the time that it takes to blink",
    "After a short apology to nobody",
    "When the door has closed again",
    "Before anyone has noticed",
)
_ENDS: Final = (
    "the reader names the last number that was seen and gets the rest",
    "the text stands there as if nothing had happened",
    "both tabs show the same line and grow together",
    "the missing words arrive in one breath and the others follow at their own pace",
    "the answer ends at its last full stop, whole",
    "the page finds its server and says no more about it",
    "somebody compares the two texts and finds no difference",
    "the tale goes on in the middle of the very word",
    "the count is right, from the first event to the last",
    "the second half fits the first like a key",
    "the conversation is where it was left",
)
_SENTENCES: Final = (
    (_WHO, " ", _ASKS),
    (_WHEN, ", ", _FAILS),
    (_KEEPS, " ", _HOW),
    (_LATER, ", ", _ENDS),
)
"""The halves of a part's sentences. Their numbers, 13 and 11, have no divisor in common: the same two halves would meet
again only in part 144."""


def story(count: int) -> str:
    """Whole sentences of ``count`` words or a few more, in numbered parts; ``count`` is 5,000 at the most."""
    parts: list[list[str]] = [[]]
    words = 0
    while words < count or not parts[0]:
        if len(parts[-1]) == len(_SENTENCES):
            parts.append([])
        parts[-1].append(_sentence(len(parts) - 1, len(parts[-1])))
        words += len(parts[-1][-1].split())
    return "\n\n".join(f"**Part {at} of {len(parts)}.** {' '.join(part)}" for at, part in enumerate(parts, 1))


def _sentence(part: int, place: int) -> str:
    first, between, second = _SENTENCES[place]
    return f"{first[part % len(first)]}{between}{second[part % len(second)]}."
