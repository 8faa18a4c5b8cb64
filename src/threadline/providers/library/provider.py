"""One provider out of pydantic-ai: its events in ours, its faults in the words of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Literal

from pydantic_ai import exceptions as theirs
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import Provider, infer_provider_class

from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ContextExceeded, ProviderError, ProviderUnreachable
from threadline.domain.events import Event
from threadline.providers import faults
from threadline.providers.library.history import messages_of, parameters_of, settings_of
from threadline.providers.library.telling import Telling
from threadline.providers.protocol import ModelRequest

_PASSING: Final = (theirs.ModelRateLimitError, theirs.ModelUnavailableError, theirs.ModelServerError)


class Library:
    """A ``Provider`` of the kind ``library``. A model is called as pydantic-ai calls it: ``cohere:command-a``.

    The key and the address of the configuration are handed on where they are set; else pydantic-ai finds its own, by
    the usual names in the environment.
    """

    def __init__(self, config: ProviderConfig) -> None:
        self.name = config.name
        self.continues: Literal["prefill", "instruction"] = "instruction"
        self._config = config

    def __repr__(self) -> str:
        return f"Library({self.name!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See ``protocol.Provider.stream``."""
        telling = Telling(self._config.display_name, request, self.name)
        try:
            model = self._model(request.model)
            asked = messages_of(request, self.name), settings_of(request), parameters_of(request)
            # Its client lives as long as the call.
            async with model, model.request_stream(*asked) as response:
                async with aclosing(aiter(response)) as told:  # type: ignore[type-var]
                    async for event in told:
                        if batch := telling.take(event):
                            yield batch
                yield telling.over(response)
        except (theirs.AgentRunError, theirs.UserError, ImportError, TypeError, ValueError) as fault:
            raise faults.redacted(self._worded(fault), [self._config.api_key]) from None

    async def cancel(self, kept: str) -> None:
        """See ``protocol.Provider.cancel``: nothing is kept."""

    def _model(self, name: str) -> Model:
        return infer_model(name, self._provider)

    def _provider(self, name: str) -> Provider[Any]:
        """With what is configured; not every provider takes an address. Raises ``TypeError``."""
        given = {"api_key": self._config.api_key, "base_url": self._config.base_url}
        return infer_provider_class(name)(**{key: value for key, value in given.items() if value})

    def _worded(self, fault: Exception) -> ProviderError:
        title = self._config.display_name
        status = getattr(fault, "status_code", None)
        told = faults.message_of(getattr(fault, "body", None)) or str(fault)
        details = {"provider": title}
        if isinstance(fault, theirs.ModelContextWindowExceededError):
            return ContextExceeded(told, provider_status=status, details=details)
        if isinstance(fault, theirs.ModelConnectionError) and status is None:
            return ProviderUnreachable(f"{title} could not be reached: {told}", retryable=True, details=details)
        passing = isinstance(fault, _PASSING) or status in faults.RETRYABLE_STATUS
        return ProviderError(told, provider_status=status, retryable=passing, details=details)
