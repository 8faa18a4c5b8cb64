"""The services, each built once on the same ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadline.app.ground import Ground
from threadline.services.accounts import Accounts
from threadline.services.admin import Admin
from threadline.services.answers import Answers
from threadline.services.audit import Audit
from threadline.services.callers import Callers
from threadline.services.conversations import Conversations
from threadline.services.credentials import Credentials
from threadline.services.deletion import Deletion
from threadline.services.entitlements import Entitlements
from threadline.services.feed import Feed
from threadline.services.handover import Mover
from threadline.services.identities import Identities
from threadline.services.keys import Keys
from threadline.services.models import Models
from threadline.services.notices import Notices
from threadline.services.passwords import Passwords
from threadline.services.preferences import Preferences
from threadline.services.profile import Profile
from threadline.services.recordings import Recordings
from threadline.services.registration import Registration
from threadline.services.responses import Responses
from threadline.services.rotation import Rotation
from threadline.services.sharing import Sharing
from threadline.services.signing_in import SigningIn
from threadline.services.streams import Streams
from threadline.services.subscriptions import Subscriptions
from threadline.services.turns import Turns
from threadline.services.usage import Usages
from threadline.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What a user can do, by what it is about."""

    accounts: Accounts
    admin: Admin
    answers: Answers
    audit: Audit
    callers: Callers
    conversations: Conversations
    credentials: Credentials
    deletion: Deletion
    entitlements: Entitlements
    feed: Feed
    identities: Identities
    keys: Keys
    models: Models
    preferences: Preferences
    notices: Notices
    profile: Profile
    recordings: Recordings
    registration: Registration
    responses: Responses
    rotation: Rotation
    sharing: Sharing
    signing_in: SigningIn
    streams: Streams
    subscriptions: Subscriptions
    turns: Turns
    usages: Usages


def build_services(settings: Settings, ground: Ground) -> Services:
    """All of them."""
    store, log, world = ground.store, ground.log, ground.world
    entitlements = Entitlements(store, {"guest": settings.limit_guest, "registered": settings.limit_registered})
    answers = Answers(store, log, world, replay_seconds=settings.replay_seconds)
    conversations = Conversations(store, log, answers)
    recordings = Recordings(store, log, answers, world, seconds=settings.recording_seconds)
    keys = Keys(store, ground.vault, ground.registry)
    preferences = Preferences(store, settings.models, keys.check)
    models = Models(ground.registry, keys, preferences)
    notices = Notices(ground.signals)
    turns = Turns(
        store,
        log,
        answers,
        key_owner=keys.owner,
        default_model=settings.models["chat"],
        when_busy=settings.when_busy,
        end_recording=recordings.end,
        entitlements=entitlements,
    )
    doors = _doors(settings, ground, conversations, (keys.move,))
    return Services(
        accounts=doors.accounts,
        admin=Admin(store, doors.accounts, ground.tokens, doors.deletion),
        answers=answers,
        audit=Audit(store, world, settings.audit_days),
        callers=Callers(store, keys, ground.registry, entitlements),
        conversations=conversations,
        credentials=Credentials(store, ground.vault, ground.registry, settings.private_addresses),
        deletion=doors.deletion,
        entitlements=entitlements,
        feed=Feed(store, ground.signals),
        identities=doors.identities,
        keys=keys,
        models=models,
        preferences=preferences,
        notices=notices,
        profile=doors.profile,
        recordings=recordings,
        registration=doors.registration,
        responses=Responses(store, answers, turns, conversations, models),
        rotation=Rotation(store, ground.vault),
        sharing=Sharing(store, world),
        signing_in=doors.signing_in,
        streams=Streams(log, answers, notices.appended, recordings),
        subscriptions=_subscriptions(settings, ground, notices),
        turns=turns,
        usages=Usages(store, entitlements, settings.usage_days),
    )


@dataclass(frozen=True, slots=True)
class _Doors:
    """By what users come in, and how they leave for good."""

    accounts: Accounts
    deletion: Deletion
    identities: Identities
    profile: Profile
    registration: Registration
    signing_in: SigningIn


def _doors(settings: Settings, ground: Ground, conversations: Conversations, movers: Sequence[Mover]) -> _Doors:
    store, world = ground.store, ground.world
    accounts, passwords = Accounts(store, world), Passwords()
    deletion = Deletion(
        store,
        ground.log,
        world,
        accounts=accounts,
        tokens=ground.tokens,
        conversations=conversations,
        guest_days=settings.guest_days,
    )
    registration = Registration(store, world, accounts, passwords, is_open=settings.registration)
    signing_in = SigningIn(store, world, accounts=accounts, passwords=passwords, deletion=deletion, movers=movers)
    identities = Identities(
        store,
        world,
        accounts=accounts,
        registration=registration,
        signing_in=signing_in,
        providers=ground.identity_providers.by_name,
    )
    profile = Profile(store, accounts, passwords)
    return _Doors(accounts, deletion, identities, profile, registration, signing_in)


def _subscriptions(settings: Settings, ground: Ground, notices: Notices) -> Subscriptions:
    return Subscriptions(
        store=ground.store,
        log=ground.log,
        world=ground.world,
        notices=notices,
        signing=ground.signing,
        loopback=settings.streams_open,
    )
