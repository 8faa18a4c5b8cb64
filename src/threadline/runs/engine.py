"""One run from its first byte to its last: provider -> log, tools between, recovery before, the fold after."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from threadline.domain import events
from threadline.domain.endings import beginning, closings, dated, ending, lost_usage, priced
from threadline.domain.errors import ContextExceeded, Fenced, Gone, NotFound, ThreadlineError, Unavailable
from threadline.domain.events import Event
from threadline.domain.messages import Usage, add_usage
from threadline.domain.seam import NotContinued
from threadline.log.protocol import Log
from threadline.providers.protocol import Provider
from threadline.runs import recovery
from threadline.runs.calls import called, handed_end, pending_calls
from threadline.runs.config import RunConfig
from threadline.runs.context import Context, History, Models, client_tools, history, settings_of, wants_tools
from threadline.runs.control import Control, Interrupted
from threadline.runs.fitting import room
from threadline.runs.recovery import Plan
from threadline.runs.steps import Beginning, KeptLost, call_model
from threadline.runs.tools import Toolbox, ToolContext, run_side_by_side
from threadline.runs.writer import RunWriter
from threadline.services.answers import Answers
from threadline.store import leases
from threadline.store.database import Store
from threadline.store.runs import RunRow
from threadline.world import World

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.25
_ALL_MESSAGES: Final = 10_000


class Engine:
    """Fulfils runs. One object serves all of a worker's runs; a call of :meth:`drive` owns one of them."""

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        world: World,
        models: Models,
        answers: Answers,
        toolbox: Toolbox,
        config: RunConfig,
    ) -> None:
        self._store = store
        self._log = log
        self._world = world
        self._models = models
        self._answers = answers
        self._toolbox = toolbox
        self._config = config

    async def drive(self, run: RunRow, control: Control) -> None:
        """Work on a claimed run until it is closed and folded, handed over, or lost to another worker.

        Whatever fails in between ends the run with an error event and its text; it never stays unfinished because of
        a fault of ours.
        """
        writer = RunWriter(self._log, self._world, control, run.id, run.epoch)
        left = None
        try:
            # The first epoch has nobody to fence off: its first append makes the stream, and is its own fence.
            if run.epoch == 1 or await writer.take_over():
                left = await self._fulfil(run, writer, control)
            await self._answers.conclude(run, writer.record, writer.trail)
            if left is not None:
                await self._let_go(run, left)
        except Interrupted as interrupted:
            if interrupted.reason == "drain":
                await self._store.write(lambda tx: leases.release(tx, run.id, run.epoch))
        except (Fenced, NotFound, Gone):
            _log.info("run lost", extra={"run": run.id, "epoch": run.epoch})
        finally:
            control.under_way.set()

    async def _fulfil(self, run: RunRow, writer: RunWriter, control: Control) -> str | None:
        """Write the answer to its end. Returns the id of what its provider would still go on with, unheard."""
        whole = False
        try:
            last = await self._produce(run, writer, control)
            whole = True
        except Interrupted as interrupted:
            if interrupted.reason != "stop":
                raise
            last = [*_closed(run, writer), events.abort("stopped"), ending(writer.record, "other")]
        except NotContinued:
            last = [*_closed(run, writer), ending(writer.record, "interrupted")]
        except (Fenced, NotFound, Gone):
            raise
        except ThreadlineError as error:
            _log.warning("an answer failed", extra={"run": run.id, "model": run.model, "code": error.code})
            last = _failed(run, writer, error)
        except Exception:
            _log.exception("run failed", extra={"run": run.id})
            last = _failed(run, writer, ThreadlineError(surface="chat"))
        left = None if whole else writer.record.provider_run
        owner, cost = await self._paid(run, writer, last)
        await writer.append(dated(last, self._world.now(), keyOwner=owner, cost=cost), close=True)
        return left

    async def _paid(self, run: RunRow, writer: RunWriter, last: list[Event]) -> tuple[str, float | None]:
        """Whose key paid for the answer, and how much, in US dollars; an answer is never held up by its price."""
        try:
            owner, price = await self._models.paid(run)
        except ThreadlineError:
            return run.key_owner, None
        return owner, priced(writer.record, last, price)

    async def _let_go(self, run: RunRow, kept: str) -> None:
        """End at its provider what is kept there and nobody waits for any more."""
        with suppress(ThreadlineError):
            provider, _ = await self._models.provider_for(run, run.model)
            await provider.cancel(kept)

    async def _produce(self, run: RunRow, writer: RunWriter, control: Control) -> list[Event]:
        """Append all but the last events of the answer, and return these, which are appended with the close."""
        # A call that is handed to the client has no effect here, so that nothing of it can be in doubt.
        handed = client_tools(run) is not None
        idempotent = (lambda _: True) if handed else self._toolbox.idempotent
        plan = recovery.plan(writer.record, idempotent, handed=handed, attachable=writer.kept is not None)
        if control.reason == "stop" or run.cancel:
            if not writer.record.started:
                await writer.append([_start(run)])
            raise Interrupted("stop")
        await self._begin(run, writer, plan)
        if plan.action == "give-up":
            return _failed(run, writer, ThreadlineError(recovery.GIVEN_UP, surface="chat"))
        if plan.action == "end":
            return [ending(writer.record, writer.record.step_reason or "other")]
        context = await self._context(run, control)
        try:
            return await self._steps(context, writer, control, plan)
        except KeptLost:
            if writer.kept is not None:
                await self._let_go(run, writer.kept.id)
        plan = recovery.plan(writer.record, idempotent, handed=handed)
        await writer.append([events.recovery(run.epoch, plan.action, handover=True), *plan.events])
        return await self._steps(context, writer, control, plan)

    async def _begin(self, run: RunRow, writer: RunWriter, plan: Plan) -> None:
        if run.epoch == 1:
            # Nobody waits for these two alone: they go in one commit with the first that the model says.
            writer.lead([_start(run), events.start_step()])
            return
        taken = events.recovery(run.epoch, plan.action, handover=run.worker is None, reset=plan.reset)
        before = [_start(run), taken] if plan.action == "begin" else [taken, *plan.events]
        if plan.reset:
            # A reader who drops the step at this event must not hear of its parts after it.
            before = [*plan.events, taken]
        step = [events.start_step()] if plan.action in ("begin", "next") else []
        await writer.append([*before, *step])

    async def _steps(self, context: Context, writer: RunWriter, control: Control, plan: Plan) -> list[Event]:
        start = Beginning(plan.partial, plan.part, writer.kept if plan.action == "attach" else None)
        closing = events.finish_step("tool-calls", lost_usage(writer.record)) if plan.action == "tools" else None
        while True:
            if closing is None:
                context, closing = await self._call(context, writer, control, start)
            most = self._config.max_steps
            if context.handed:
                last = handed_end(writer.record, closing, most)
            else:
                await self._run_tools(context.run, writer, control, closing.get("usage"))
                goes_on = called(writer.record) and writer.record.steps < most
                last = None if goes_on else [ending(writer.record, closing["finishReason"], closing.get("usage"))]
            if last is not None:
                return [closing, *last]
            await writer.append([closing, events.start_step()])
            closing, start = None, Beginning()

    async def _call(
        self, context: Context, writer: RunWriter, control: Control, start: Beginning
    ) -> tuple[Context, Event]:
        """Call the model, with less of the history where its provider says that it takes no more."""
        while True:
            cut_at = context.history.cut_at
            if cut_at != writer.record.metadata.get("contextFrom"):
                writer.lead([events.message_metadata({"contextFrom": cut_at})])
            before = writer.record.count
            try:
                return context, await call_model(context, writer, control, self._world, start)
            except ContextExceeded as error:
                shorter = None if context.handed or writer.record.count > before else context.history.shorter()
                if shorter is None:
                    raise ContextExceeded(
                        f"{ContextExceeded.__doc__} {error.message}", details=error.details
                    ) from error
                context = replace(context, history=shorter)

    async def _run_tools(self, run: RunRow, writer: RunWriter, control: Control, usage: Usage | None) -> None:
        pending = pending_calls(writer.record)
        if pending:
            if usage:
                # So that a crash among the tools does not lose what the call before them cost.
                await writer.append([events.message_metadata({"usage": add_usage(writer.record.usage, usage)})])
            whose = ToolContext(run.user_id, run.conversation_id, run.id)
            with control.cancellable():
                writer.begun = True
            await run_side_by_side(self._toolbox, pending, whose, writer, control)

    async def _context(self, run: RunRow, control: Control) -> Context:
        (provider, model), found = await self._found(run, control)
        own = client_tools(run)
        if own is not None:
            return Context(run, provider, model, found, own, handed=True)
        takes, settings = self._models.context_of(run.model), settings_of(run)
        if takes is not None:
            found = found.within(room(takes, settings.max_tokens, settings.system))
        tools = self._toolbox.specs() if self._models.takes_tools(run.model, wants_tools(run)) else []
        return Context(run, provider, model, found, tools)

    async def _found(self, run: RunRow, control: Control) -> tuple[tuple[Provider, str], History]:
        """What calls the model, and what that is given."""
        most, most_bytes = self._config.context_messages, self._config.context_bytes
        if client_tools(run) is not None:
            # What a program sends, or goes on from, is what it wants its model to have.
            most = _ALL_MESSAGES
        while True:
            try:
                provider = await self._models.answering(run)
                return provider, await self._store.read(lambda tx: history(tx, run, most, most_bytes))
            except Unavailable:
                # As the writer does: what is over in a moment ends no answer.
                with control.cancellable():
                    await self._world.sleep(_RETRY_SECONDS)


def _start(run: RunRow) -> Event:
    return beginning(run.message_id, run.id, run.model, run.created_at)


def _failed(run: RunRow, writer: RunWriter, error: ThreadlineError) -> list[Event]:
    begin = [] if writer.record.started else [_start(run)]
    return [*begin, *_closed(run, writer), events.error(error), ending(writer.record, "error")]


def _closed(run: RunRow, writer: RunWriter) -> list[Event]:
    """Whatever is open is ended, and the step with it."""
    step = [events.finish_step("other", lost_usage(writer.record))] if writer.record.in_step else []
    return [*closings(writer.record, begun=writer.begun, handed=client_tools(run) is not None), *step]
