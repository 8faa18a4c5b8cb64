"""The fake provider of ``tests/fakes`` as a process of its own, beside a server's."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.fakes.answers import model_name, prompt, reasoning_of, text_of
from tests.support.process import Child, free_port, python


class Fake(Child):
    """Started with the block that it is used in; see ``tests.fakes.answers.Control`` for what it can be told."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        super().__init__(python("-m", "tests.fakes.provider", "--port", str(self.port)), folder / "provider.log")

    def __enter__(self) -> Fake:
        self.start()
        self.until("/v1/models", self.port)
        return self

    def tables(self) -> list[dict[str, Any]]:
        """The providers of a server's settings: ``fake`` goes on by instruction, ``prefilled`` by prefill."""
        base = {"kind": "openai-compatible", "base_url": f"http://127.0.0.1:{self.port}/v1", "api_key": "x"}
        return [
            {"name": "fake", **base, "models": []},
            {"name": "prefilled", **base, "models": [], "prefill": True},
        ]

    def model(self, provider: str = "fake", **control: Any) -> str:
        """The id of a model that behaves so."""
        return f"{provider}/{model_name(**control)}"

    def prompt(self, mark: str = "", **control: Any) -> str:
        """A user's message whose answer is so; ``mark`` is for people."""
        return prompt(mark, **control)

    def text(self, **control: Any) -> str:
        """The whole text of an answer."""
        return text_of(**control)

    def reasoning(self, **control: Any) -> str:
        """The whole reasoning of an answer."""
        return reasoning_of(**control)

    def go(self) -> None:
        """Wait until an answer holds, and let every answer that has begun go on."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_go", b"", method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all requests for an answer so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_calls", timeout=60) as reply:
            return [call["body"] for call in json.loads(reply.read())["calls"] if not call["title"]]
