"""Belonging: whose account it is that somebody signs in to through a provider, in the transaction in which he does.

What a provider calls somebody is what counts. An address leads to an account that is there only if the provider has
verified it, and the account has proved it too: else whoever registers first with somebody's address could wait for him.
"""

from __future__ import annotations

from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Person
from threadline.services.accounts import Visit
from threadline.services.audit import record
from threadline.services.registration import NewAccount, begin_account
from threadline.store import identities, users
from threadline.store.identities import IdentityRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow


def account_of(tx: Tx, name: str, person: Person, visit: Visit, *, guest: UserRow | None, is_open: bool) -> UserRow:
    """The account of somebody whom the provider ``name`` tells: his own, that of his address, or a new one, which the
    ``guest`` becomes who he was before. ``is_open``: new ones are made. Raises ``LoginFailed``."""
    known = identities.get(tx, name, person.subject)
    if known is not None:
        user = _noted(tx, known, person)
    else:
        user = _by_address(tx, person) or _new(tx, name, person, visit, guest=guest, is_open=is_open)
    if user.disabled_at is not None:
        raise LoginFailed("account_disabled")
    if known is None:
        _add(tx, name, person, user, visit)
    return user


def link(tx: Tx, name: str, person: Person, user: UserRow, visit: Visit) -> None:
    """Link somebody whom the provider ``name`` tells to the account of a user who is signed in. Raises
    ``LoginFailed``."""
    known = identities.get(tx, name, person.subject)
    if known is None:
        _add(tx, name, person, user, visit)
    elif known.user_id != user.id:
        raise LoginFailed("identity_taken")
    else:
        _noted(tx, known, person)
    if person.email_verified and person.email == user.email and not user.email_verified:
        users.change(tx, user.id, email_verified_at=tx.now)


def _noted(tx: Tx, known: IdentityRow, person: Person) -> UserRow:
    """The account of somebody who is known; the address that he has now at the provider is kept with him."""
    if person.email != known.email:
        identities.note(tx, known.provider, known.subject, person.email)
    user = users.get(tx, known.user_id)
    if user is None:
        raise LoginFailed("account_disabled")
    return user


def _by_address(tx: Tx, person: Person) -> UserRow | None:
    user = users.by_email(tx, person.email) if person.email is not None and person.email_verified else None
    if user is not None and not user.email_verified:
        raise LoginFailed("email_taken")
    return user


def _new(tx: Tx, name: str, person: Person, visit: Visit, *, guest: UserRow | None, is_open: bool) -> UserRow:
    if not is_open:
        raise LoginFailed("registration_off")
    # An address that is not proved is nobody's: it stays with the identity.
    email = person.email if person.email_verified else None
    new = NewAccount(email, person.name, verified=email is not None, method=name)
    return begin_account(tx, guest, new, visit)


def _add(tx: Tx, name: str, person: Person, user: UserRow, visit: Visit) -> None:
    if any(row.provider == name for row in identities.of_user(tx, user.id)):
        raise LoginFailed("provider_linked")
    identities.add(tx, name, person.subject, user.id, person.email)
    record(tx, "identity.linked", user.id, target=user.id, address=visit.address, provider=name)
