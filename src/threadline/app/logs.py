"""The program's own log: one JSON object a line on standard error, without secrets and without anyone's words."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """``{"time", "level", "logger", "message", …extra, "trace"?}``.

    Of an exception it tells the kind and where it came from. Its text only where it is one of our own kinds: others,
    those of a database before all, repeat the values that they were given.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = _trace(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def configure(level: int = logging.WARNING) -> None:
    """Send all logging through one handler, from ``level`` on; libraries only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("threadline").setLevel(level)


def _trace(fault: BaseException) -> list[str]:
    out: list[str] = []
    seen: BaseException | None = fault
    while seen is not None:
        ours = type(seen).__module__.split(".")[0] in ("threadline", "builtins", "asyncio")
        out.append(f"{type(seen).__module__}.{type(seen).__qualname__}" + (f": {seen}" if ours else ""))
        frames = traceback.extract_tb(seen.__traceback__)
        out += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        if isinstance(seen, BaseExceptionGroup):
            for inner in seen.exceptions:
                out += _trace(inner)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return out
