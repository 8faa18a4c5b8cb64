"""Sharing: links that come and go, who comes by them, and what everybody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import opened
from tests.services.circle import CHAT, Circle
from threadline.domain.errors import BadRequest, Conflict, Forbidden, NotFound, RateLimited
from threadline.domain.limits import Entitlement
from threadline.services.entitlements import Entitlements
from threadline.services.sharing import MOST_PEOPLE, MOST_SHARES
from threadline.store import audit, messages, participants, shares

pytestmark = pytest.mark.anyio
ANN = "ann@example.org"


@pytest.fixture
async def circle(tmp_path: Path) -> AsyncIterator[Circle]:
    async with opened(tmp_path) as house:
        found = Circle(house)
        await house.ask("Hello")
        yield found


async def sees(circle: Circle, user_id: str) -> bool:
    """Whether somebody finds it: by its address, and in his list."""
    try:
        await circle.conversations.get(user_id, CHAT)
    except NotFound:
        assert CHAT not in await circle.listed(user_id)
        return False
    return True


async def test_what_is_in_a_link_is_told_once_and_kept_nowhere(circle: Circle, tmp_path: Path) -> None:
    made = await circle.link("observer", days=7)
    assert made["path"] == f"/share/{made['token']}"
    assert len(made["token"]) >= 43
    assert (await circle.link())["token"] != made["token"]
    listed = await circle.sharing.shares(circle.owner, CHAT)
    assert [row["id"] for row in listed["items"]][-1] == made["id"]
    assert made["expires_at"] == pytest.approx(made["created_at"] + 7 * 86_400)
    assert made["token"] not in repr(listed) + repr(await circle.heard(circle.owner))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert made["id"].encode() in kept
    assert made["token"].encode() not in kept


async def test_whoever_has_a_link_comes_in_by_it_and_twice_is_as_once(circle: Circle) -> None:
    made, guest = await circle.link(), await circle.person()
    told = await circle.sharing.preview(guest, made["token"])
    assert told["role"] == "observer"
    assert told["accepts"]
    assert not await sees(circle, guest)
    for _ in range(2):
        assert await circle.sharing.accept(guest, made["token"]) == {"conversation_id": CHAT, "role": "observer"}
    assert await sees(circle, guest)
    assert await circle.listed(guest) == [CHAT]
    kinds = [event["type"] for event in await circle.heard(guest)]
    assert kinds == ["conversation.created"]


async def test_an_owner_who_opens_his_own_link_stays_the_owner(circle: Circle) -> None:
    made = await circle.link("participant")
    assert await circle.sharing.accept(circle.owner, made["token"]) == {"conversation_id": CHAT, "role": "owner"}
    assert await circle.listed(circle.owner) == [CHAT]
    assert len((await circle.sharing.participants(circle.owner, CHAT))["items"]) == 1


async def test_by_another_link_one_becomes_more_and_never_less(circle: Circle) -> None:
    reading, writing = await circle.link(), await circle.link("participant")
    one = await circle.person()
    for token, role in ((reading, "observer"), (writing, "participant"), (reading, "participant")):
        assert (await circle.sharing.accept(one, token["token"]))["role"] == role
    assert [event["type"] for event in await circle.heard(one)] == ["conversation.created", "conversation.updated"]
    await circle.sharing.revoke(circle.owner, CHAT, reading["id"])
    assert await sees(circle, one)


async def test_an_invitation_takes_the_link_and_the_account_with_the_address(circle: Circle) -> None:
    made = await circle.link("participant", email=" Ann@Example.ORG ")
    assert made["email"] == ANN
    assert (await circle.conversations.get(circle.owner, CHAT))["visibility"] == "private"
    ann, ben, guest = await circle.person("Ann", ANN), await circle.person("Ben", "ben@x.org"), await circle.person()
    await circle.conversations.change(circle.owner, CHAT, {"title": "Our secret plan"})
    for other in (ben, guest):
        told = await circle.sharing.preview(other, made["token"])
        assert (told["accepts"], told["conversation"]["title"]) == (False, None)
        with pytest.raises(Forbidden, match="Sign in with the account"):
            await circle.sharing.accept(other, made["token"])
    assert (await circle.sharing.preview(ann, made["token"]))["conversation"]["title"] == "Our secret plan"
    assert not await sees(circle, ann)
    assert (await circle.sharing.accept(ann, made["token"]))["role"] == "participant"
    with pytest.raises(BadRequest):
        await circle.link(email="nobody")


async def test_a_revoked_link_is_dead_and_all_who_came_by_it_are_out(circle: Circle) -> None:
    made, other = await circle.link(), await circle.let_in("participant")
    guests = [await circle.person() for _ in range(3)]
    for guest in guests:
        await circle.sharing.accept(guest, made["token"])
    await circle.say(other, "Words that they have heard")
    assert "they have heard" in repr(await circle.heard(guests[0]))
    await circle.sharing.revoke(circle.owner, CHAT, made["id"])
    for guest in guests:
        assert not await sees(circle, guest)
        heard = await circle.heard(guest)
        assert heard[-1] == {"type": "conversation.deleted", "id": CHAT}
        assert "they have heard" not in repr(heard)
    assert await sees(circle, other)
    assert "they have heard" in repr(await circle.heard(other))
    for ask in (circle.sharing.preview, circle.sharing.accept):
        with pytest.raises(NotFound, match="does not work any more"):
            await ask(guests[0], made["token"])
    with pytest.raises(NotFound):
        await circle.sharing.revoke(circle.owner, CHAT, made["id"])


async def test_a_link_that_is_over_is_as_a_revoked_one_and_is_swept(circle: Circle) -> None:
    made, guest = await circle.link(days=1), await circle.person()
    await circle.sharing.accept(guest, made["token"])
    assert await circle.sharing.lapse() == 0
    await circle.over(made["id"])
    assert not await sees(circle, guest)
    assert (await circle.sharing.shares(circle.owner, CHAT))["items"] == []
    with pytest.raises(NotFound):
        await circle.sharing.preview(guest, made["token"])
    assert await circle.sharing.lapse() == 1
    assert (await circle.heard(guest))[-1] == {"type": "conversation.deleted", "id": CHAT}
    assert await circle.sharing.lapse() == 0


async def test_private_again_it_is_for_those_alone_who_were_invited(circle: Circle) -> None:
    ann = await circle.person("Ann", ANN)
    await circle.let_in("participant", ann, email=ANN)
    guest = await circle.let_in()
    assert (await circle.conversations.get(circle.owner, CHAT))["visibility"] == "link"
    await circle.conversations.change(circle.owner, CHAT, {"visibility": "private"})
    assert await sees(circle, ann)
    assert not await sees(circle, guest)
    assert [row["email"] for row in (await circle.sharing.shares(circle.owner, CHAT))["items"]] == [ANN]


async def test_the_owner_removes_anybody_and_an_invitation_goes_with_him(circle: Circle) -> None:
    ann = await circle.person("Ann", ANN)
    invited, opened_to_all = await circle.link(email=ANN), await circle.link()
    guest = await circle.person()
    await circle.sharing.accept(ann, invited["token"])
    await circle.sharing.accept(guest, opened_to_all["token"])
    for one in (ann, guest):
        await circle.sharing.remove(circle.owner, CHAT, one)
        assert not await sees(circle, one)
        assert (await circle.heard(one))[-1]["type"] == "conversation.deleted"
    with pytest.raises(NotFound):
        await circle.sharing.accept(ann, invited["token"])
    await circle.sharing.accept(guest, opened_to_all["token"])
    with pytest.raises(NotFound):
        await circle.sharing.remove(circle.owner, CHAT, ann)


async def test_who_deletes_what_is_anothers_leaves_it(circle: Circle) -> None:
    one, two, three = await circle.let_in("participant"), await circle.let_in(), await circle.let_in()
    await circle.conversations.delete(one, CHAT)
    await circle.sharing.remove(two, CHAT, two)
    await circle.conversations.delete_all(three)
    for gone in (one, two, three):
        assert not await sees(circle, gone)
    assert await sees(circle, circle.owner)
    with pytest.raises(NotFound):
        await circle.say(one)


async def test_what_the_owner_deletes_is_gone_for_all(circle: Circle) -> None:
    people = [await circle.let_in(), await circle.let_in("participant")]
    await circle.conversations.delete_all(circle.owner)
    for one in people:
        assert not await sees(circle, one)
        heard = await circle.heard(one)
        assert heard[-1] == {"type": "conversation.deleted", "id": CHAT}
        assert {event["type"] for event in heard[:-1]} == {"forgotten"}


async def test_no_more_come_in_than_there_is_room_for(circle: Circle) -> None:
    made = await circle.link()

    def fill(tx: Any) -> None:
        for number in range(MOST_PEOPLE - 1):
            user = f"usr_{number}"
            tx.conn.exec_driver_sql("INSERT INTO users (id, kind, created_at) VALUES (?, 'guest', 0)", (user,))
            participants.put(tx, CHAT, user, "observer", made["id"])

    await circle.house.store.write(fill)
    guests = [await circle.person() for _ in range(5)]
    done = await asyncio.gather(
        *(circle.sharing.accept(guest, made["token"]) for guest in guests), return_exceptions=True
    )
    assert [type(one) for one in done].count(Conflict) == 4
    assert len([one for one in done if isinstance(one, dict)]) == 1


async def test_there_are_only_so_many_links(circle: Circle) -> None:
    def fill(tx: Any) -> None:
        for number in range(MOST_SHARES):
            shares.add(tx, CHAT, "observer", b"%d" % number, None, None)

    await circle.house.store.write(fill)
    with pytest.raises(Conflict, match="Revoke one"):
        await circle.link()


async def test_who_comes_while_the_link_is_revoked_is_not_in_afterwards(circle: Circle) -> None:
    for _ in range(20):
        made, guest = await circle.link(), await circle.person()
        coming = asyncio.create_task(circle.sharing.accept(guest, made["token"]))
        await circle.sharing.revoke(circle.owner, CHAT, made["id"])
        with suppress(NotFound):
            await coming
        assert not await sees(circle, guest)


async def test_all_who_are_in_hear_of_all_that_happens(circle: Circle) -> None:
    reader, writer = await circle.let_in(), await circle.let_in("participant")
    start = len(await circle.heard(reader))
    said = await circle.say(writer, "A question")
    await circle.house.turns.stop(writer, CHAT, said.run_id)
    await circle.conversations.change(circle.owner, CHAT, {"title": "A name"})
    heard = {one: (await circle.heard(one))[-5:] for one in (circle.owner, reader, writer)}
    kinds = ["conversation.updated", "message.added", "run.queued", "run.finished", "conversation.updated"]
    for one, role in ((circle.owner, "owner"), (reader, "observer"), (writer, "participant")):
        assert [event["type"] for event in heard[one]] == kinds
        assert heard[one][0]["conversation"]["role"] == role
        assert heard[one][1]["message"]["author_id"] == writer
    assert heard[circle.owner][0]["conversation"]["owner"] is None
    assert heard[reader][0]["conversation"]["owner"] == {"id": circle.owner, "name": None}
    assert len(await circle.heard(reader)) == start + 5


async def test_a_list_has_ones_own_and_what_was_shared_in_one_order(circle: Circle) -> None:
    one = await circle.person()
    for number in range(12):
        whose = one if number % 2 else circle.owner
        made = await circle.conversations.create(whose, title=f"Number {number}")
        if whose == circle.owner:
            link = await circle.sharing.share(circle.owner, made["id"], "observer")
            await circle.sharing.accept(one, link["token"])
    whole = (await circle.conversations.page(one))["items"]
    assert len(whole) == 12
    assert whole == sorted(whole, key=lambda item: (item["updated_at"], item["id"]), reverse=True)
    assert {item["role"] for item in whole} == {"owner", "observer"}
    for limit in (1, 2, 5, 12):
        assert await circle.listed(one, limit=limit) == [item["id"] for item in whole]
    assert len(await circle.listed(one, words="NUMBER 1")) == 3


async def test_who_only_reads_is_shown_who_writes_and_himself(circle: Circle) -> None:
    writer = await circle.let_in("participant", await circle.person("Wendy"))
    one, two = await circle.let_in(), await circle.let_in()

    async def shown(user_id: str) -> list[str]:
        return [item["user"]["id"] for item in (await circle.sharing.participants(user_id, CHAT))["items"]]

    assert await shown(circle.owner) == await shown(writer) == [circle.owner, writer, one, two]
    assert await shown(one) == [circle.owner, writer, one]
    items = (await circle.sharing.participants(one, CHAT))["items"]
    assert [item["user"]["name"] for item in items] == [None, "Wendy", None]
    assert "email" not in repr(items)


async def test_what_a_participant_says_is_his_own_and_his_choice_is_not_the_owners(circle: Circle) -> None:
    writer = await circle.let_in("participant")
    said = await circle.say(writer, "Mine", model="test/other")
    run = await circle.house.run(said.run_id)
    assert (run.user_id, run.author_id, run.asker_id) == (circle.owner, writer, writer)
    tree = (await circle.conversations.messages(circle.owner, CHAT))["items"]
    assert [one["author_id"] for one in tree] == [None, None, writer, None]
    assert (await circle.conversations.get(circle.owner, CHAT))["model"] != "test/other"
    assert run.model == "test/other"
    own = await circle.house.ask("The owner goes on")
    assert (await circle.house.run(own.run_id)).author_id is None


async def test_a_participant_edits_regenerates_and_stops_whatever_is_in_the_tree(circle: Circle) -> None:
    writer = await circle.let_in("participant")
    question, answer = (await circle.conversations.messages(writer, CHAT))["items"]
    again = await circle.say(writer, trigger="regenerate-message", message_id=answer["id"], when_busy="interrupt")
    edited = await circle.say(writer, "Hello, differently", message_id=question["id"])
    tree = {one["id"]: one for one in (await circle.conversations.messages(circle.owner, CHAT))["items"]}
    assert len(tree) == 5
    assert tree[again.message_id]["parent_id"] == question["id"]
    assert tree[edited.parent_id]["parent_id"] == question["parent_id"]
    assert tree[edited.parent_id]["author_id"] == writer
    first = next(one["run_id"] for one in tree.values() if one["id"] == answer["id"])
    assert await circle.house.turns.stop(writer, CHAT, first) == [first]


async def test_an_answer_goes_on_when_its_asker_is_let_out(circle: Circle) -> None:
    writer = await circle.let_in("participant")
    said = await circle.say(writer, "Last words")
    await circle.sharing.remove(circle.owner, CHAT, writer)
    assert (await circle.house.run(said.run_id)).status == "queued"
    with pytest.raises(NotFound):
        await circle.house.answers.run(writer, said.run_id)


async def test_what_a_guest_came_into_is_his_accounts_when_he_signs_in(circle: Circle) -> None:
    account = await circle.person("Ann", ANN)
    guest = await circle.let_in("participant")
    theirs = await circle.conversations.create(guest, title="The guest's")
    link = await circle.sharing.share(guest, theirs["id"], "observer")
    await circle.sharing.accept(account, link["token"])
    await circle.house.store.write(lambda tx: participants.move(tx, guest, account))
    assert await sees(circle, account)
    assert not await sees(circle, guest)
    assert await circle.house.store.read(lambda tx: participants.of(tx, theirs["id"])) == []


async def test_what_was_done_is_in_the_audit_log_without_a_secret(circle: Circle) -> None:
    made = await circle.link("participant", email=ANN, days=3, address="192.0.2.7")
    ann = await circle.person("Ann", ANN)
    await circle.sharing.accept(ann, made["token"])
    await circle.conversations.change(circle.owner, CHAT, {"visibility": "public"}, address="192.0.2.7")
    await circle.sharing.revoke(circle.owner, CHAT, made["id"], address="192.0.2.7")
    rows, _ = await circle.house.store.read(lambda tx: audit.page(tx, None, 50))
    assert [(row.action, row.actor_id) for row in reversed(rows)] == [
        ("share.created", circle.owner),
        ("share.accepted", ann),
        ("conversation.visibility_changed", circle.owner),
        ("share.revoked", circle.owner),
    ]
    assert rows[-1].target == made["id"]
    assert made["token"] not in repr(rows)
    assert ANN not in repr(rows)


async def test_a_participant_spends_his_own_limits_and_nobody_elses(circle: Circle) -> None:
    writer, store = await circle.let_in("participant"), circle.house.store
    await Entitlements(store).put(circle.owner, Entitlement(writer, "*", messages=1))
    await circle.say(writer, "One")
    before = await circle.conversations.messages(circle.owner, CHAT)
    with pytest.raises(RateLimited):
        await circle.say(writer, "Two")
    assert await circle.conversations.messages(circle.owner, CHAT) == before
    await circle.say(circle.owner, "The owner goes on")


async def test_how_a_participant_asked_is_told_to_nobody(circle: Circle) -> None:
    writer = await circle.let_in("participant")
    said = await circle.say(writer, settings={"system": "My own words to the model"})
    for one in (circle.owner, writer):
        assert (await circle.house.answers.view(one, said.run_id))["settings"] == {}
        assert "My own words" not in repr(await circle.conversations.messages(one, CHAT))


async def test_the_answer_to_a_participant_is_written_into_the_owners_tree(circle: Circle) -> None:
    writer = await circle.let_in("participant")
    said = await circle.say(writer)
    row = await circle.house.store.read(lambda tx: messages.get(tx, CHAT, said.message_id))
    assert row is not None
    assert (await circle.conversations.get(writer, CHAT))["leaf_id"] == said.message_id
