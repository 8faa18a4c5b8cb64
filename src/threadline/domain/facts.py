"""What is known of a model: what it can do, what it takes and costs, until when, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from threadline.domain.prices import Price

_DATED: Final = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest|00\d)$")
_SILENT: Final = re.compile(
    r"(?:^|[-_./:])(?:embed\w*|bge|minilm|gte|e5|tts|whisper|transcribe|dall-e|image|imagen|imagine|veo|sora|lyria"
    r"|moderation|realtime|audio|live|speech|voice|rerank\w*|ocr|guard|aqa|robotics|orpheus|davinci|babbage|instruct-0914"
    r"|nano-banana|gpt-3\.5-turbo-instruct)(?:$|[-_./:\d])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do; None where nobody told us. ``files`` are documents such as PDFs, ``structured`` is output
    that holds to a schema, ``search`` is the provider's own search of the web."""

    tools: bool | None = None
    reasoning: bool | None = None
    vision: bool | None = None
    files: bool | None = None
    audio: bool | None = None
    structured: bool | None = None
    search: bool | None = None

    def over(self, other: Capabilities) -> Capabilities:
        """What is said here, and where nothing is said what is said there."""
        if self == UNKNOWN:
            return other
        pairs = zip(self.said(), other.said(), strict=True)
        return Capabilities(*(there if here is None else here for here, there in pairs))

    def said(self) -> tuple[bool | None, ...]:
        """All of it, in the order of the fields."""
        return (self.tools, self.reasoning, self.vision, self.files, self.audio, self.structured, self.search)


UNKNOWN: Final = Capabilities()


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price, and when it holds: ``since`` a day (``2027-01-01``), between two ``hours`` of each day, in UTC."""

    price: Price
    since: str | None = None
    hours: tuple[int, int] | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether it is asked at that moment, which is in UTC."""
        if self.since is not None and moment.date().isoformat() < self.since:
            return False
        return self.hours is None or self.hours[0] <= moment.hour < self.hours[1]


@dataclass(frozen=True, slots=True)
class Known:
    """A model as somebody describes it; None, or empty, is what he does not say.

    ``context`` and ``output`` are in tokens; of ``tariffs`` the last one that holds counts. ``retires`` is the day
    from which it does not answer. ``source`` tells people where its price was read, or else its context size.
    """

    name: str
    capabilities: Capabilities = UNKNOWN
    context: int | None = None
    output: int | None = None
    tariffs: tuple[Tariff, ...] = ()
    retires: str | None = None
    source: str | None = None

    def price(self, at: float) -> Price | None:
        """What it costs at a time in Unix seconds."""
        moment = datetime.fromtimestamp(at, UTC)
        return next((tariff.price for tariff in reversed(self.tariffs) if tariff.holds(moment)), None)

    def retired(self, at: float) -> bool:
        """Whether it has ceased to answer."""
        return self.retires is not None and datetime.fromtimestamp(at, UTC).date().isoformat() >= self.retires

    def over(self, other: Known) -> Known:
        """What this one says, and where it says nothing what the other does."""
        return Known(
            self.name,
            self.capabilities.over(other.capabilities),
            self.context or other.context,
            self.output or other.output,
            self.tariffs or other.tariffs,
            self.retires or other.retires,
            self.source or other.source,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """The models of one kind of provider: by name, other names of these, and those that answer in no words."""

    models: Mapping[str, Known]
    names: Mapping[str, str]
    silent: frozenset[str] = frozenset()

    def find(self, name: str) -> Known | None:
        """A model by any of its names: also a dated snapshot, and ``-latest``. Never one that only begins alike."""
        for spelled in spellings(name):
            known = self.models.get(spelled) or self.models.get(self.names.get(spelled, ""))
            if known is not None:
                return replace(known, name=name)
        return None

    def offered(self, at: float) -> Sequence[str]:
        """The names of those that answer at a time in Unix seconds."""
        return [name for name, known in self.models.items() if not known.retired(at)]

    def writes(self, name: str) -> bool:
        """Whether a model answers in words, as far as is known."""
        return self.find(name) is not None or not (any(one in self.silent for one in spellings(name)) or silent(name))


NOTHING: Final = Table({}, {})


def spellings(name: str) -> Iterator[str]:
    """How a model's name may be written in a table, the most exact first: without its date, or with dashes for dots."""
    seen = [name.lower()]
    if _DATED.search(seen[0]):
        seen.append(_DATED.sub("", seen[0]))
    for one in seen:
        yield one
        if one.startswith("claude-") and "." in one:
            yield one.replace(".", "-")


@lru_cache(maxsize=4096)
def silent(name: str) -> bool:
    """Whether a model's name says that it answers in no words: it embeds, speaks, hears, paints or judges."""
    return _SILENT.search(name) is not None


def owned(name: str) -> tuple[str, str] | None:
    """Which kind of provider a name such as ``anthropic/claude-…:free`` of a router's is of, and its name there."""
    maker, slash, own = name.lower().partition("/")
    kind = _MAKERS.get(maker)
    return (kind, own.partition(":")[0]) if slash and kind else None


_MAKERS: Final = {
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "google": "google",
    "mistralai": "mistral",
    "openai": "openai",
    "x-ai": "xai",
}


def tabled(models: Iterable[Known], names: Mapping[str, str], silent_names: Iterable[str]) -> Table:
    """A table of these, found whatever their case."""
    return Table({one.name.lower(): one for one in models}, names, frozenset(silent_names))
