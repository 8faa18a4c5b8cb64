"""The services, each built once on the same ground."""

from __future__ import annotations

from dataclasses import dataclass

from threadline.app.ground import Ground
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.audit import Audit
from threadline.services.callers import Callers
from threadline.services.conversations import Conversations
from threadline.services.credentials import Credentials
from threadline.services.feed import Feed
from threadline.services.models import Models
from threadline.services.keys import Keys
from threadline.services.notices import Notices
from threadline.services.recordings import Recordings
from threadline.services.responses import Responses
from threadline.services.sharing import Sharing
from threadline.services.streams import Streams
from threadline.services.subscriptions import Subscriptions
from threadline.services.turns import Turns
from threadline.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What a user can do, by what it is about."""

    accounts: Accounts
    answers: Answers
    audit: Audit
    conversations: Conversations
    feed: Feed
    models: Models
    notices: Notices
    recordings: Recordings
    callers: Callers
    responses: Responses
    credentials: Credentials
    sharing: Sharing
    streams: Streams
    keys: Keys
    subscriptions: Subscriptions
    turns: Turns


def build_services(settings: Settings, ground: Ground) -> Services:
    """All of them."""
    store, log, world = ground.store, ground.log, ground.world
    answers = Answers(store, log, world, replay_seconds=settings.replay_seconds)
    conversations = Conversations(store, log, answers)
    recordings = Recordings(store, log, answers, world, seconds=settings.recording_seconds)
    keys = Keys(store, ground.vault, ground.registry)
    models = Models(ground.registry, settings.models["chat"], keys)
    notices = Notices(ground.signals)
    turns = Turns(
        store,
        log,
        answers,
        key_owner=keys.owner,
        default_model=settings.models["chat"],
        when_busy=settings.when_busy,
        end_recording=recordings.end,
    )
    return Services(
        accounts=Accounts(store, world),
        answers=answers,
        audit=Audit(store, world, settings.audit_days),
        conversations=conversations,
        feed=Feed(store, ground.signals),
        models=models,
        notices=notices,
        recordings=recordings,
        responses=Responses(store, answers, turns, conversations, models),
        sharing=Sharing(store, world),
        streams=Streams(log, answers, notices.appended, recordings),
        subscriptions=Subscriptions(
            store=store,
            log=log,
            world=world,
            notices=notices,
            signing=ground.signing,
            loopback=settings.streams_open,
        ),
        turns=turns,
    )
        callers=Callers(store, keys, ground.registry),
        credentials=Credentials(store, ground.vault, ground.registry, settings.private_addresses),
        keys=keys,
