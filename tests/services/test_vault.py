"""The vault: what is sealed opens for its user and provider alone, under any secret that is known."""

from __future__ import annotations

import pytest

from threadline.domain.errors import MissingKey
from threadline.services.vault import Vault
from threadline.world import SystemWorld

WORLD = SystemWorld()
OLD, NEW = b"an old secret of words", b"a new secret of words"
KEY = "sk-canary-0123456789abcdef"


def test_what_is_sealed_opens_again_and_is_never_sealed_alike() -> None:
    vault = Vault([OLD], WORLD)
    first, second = (vault.seal(KEY, "usr_1", "openai") for _ in range(2))
    assert first != second
    assert KEY.encode() not in first
    assert len(first) == 1 + 12 + len(KEY) + 16
    assert vault.open(first, vault.master, "usr_1", "openai") == KEY


@pytest.mark.parametrize(("user", "provider"), [("usr_2", "openai"), ("usr_1", "groq"), ("usr_1o", "penai"), ("", "")])
def test_it_opens_for_no_other_user_and_no_other_provider(user: str, provider: str) -> None:
    vault = Vault([OLD], WORLD)
    sealed = vault.seal(KEY, "usr_1", "openai")
    with pytest.raises(MissingKey, match="damaged") as caught:
        vault.open(sealed, vault.master, user, provider)
    assert KEY not in repr(caught.value.__dict__)


def test_every_byte_of_it_counts() -> None:
    vault = Vault([OLD], WORLD)
    sealed = vault.seal(KEY, "usr_1", "openai")
    damaged = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for one in [*damaged, b"", sealed[:1], sealed[:13], sealed[:-1], sealed + b"\0"]:
        with pytest.raises(MissingKey, match="damaged"):
            vault.open(one, vault.master, "usr_1", "openai")


def test_the_first_secret_seals_and_all_open() -> None:
    old, both = Vault([OLD], WORLD), Vault([NEW, OLD], WORLD)
    assert both.masters == (Vault([NEW], WORLD).master, old.master)
    sealed = old.seal(KEY, "usr_1", "openai")
    assert both.open(sealed, old.master, "usr_1", "openai") == KEY
    assert Vault([NEW], WORLD).open(both.seal(KEY, "usr_1", "openai"), both.master, "usr_1", "openai") == KEY


def test_a_secret_that_is_not_known_is_said_to_be_missing_and_what_to_do() -> None:
    old, new = Vault([OLD], WORLD), Vault([NEW], WORLD)
    with pytest.raises(MissingKey, match="put the old secret back behind the new one") as caught:
        new.open(old.seal(KEY, "usr_1", "openai"), old.master, "usr_1", "openai")
    assert caught.value.details == {"provider": "openai", "master": old.master}


def test_the_id_of_a_master_key_tells_nothing_of_the_secret() -> None:
    vault = Vault([OLD], WORLD)
    assert len(vault.master) == 16
    assert OLD.decode() not in repr(vault)
    assert vault.master != Vault([NEW], WORLD).master
