"""An OpenID Connect provider that tells what an honest one never would signs nobody in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from joserfc.jwk import ECKey, OctKey

from tests.fakes.openid import FakeOpenId
from tests.routes.conftest import House, open_house
from tests.routes.visiting import agree, ask, come_back, failure, sign_in
from threadline.domain.logins import LoginConfig
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


class Impatient(SystemWorld):
    """Time that can be moved on, while the clock stays."""

    skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[FakeOpenId]:
    async with FakeOpenId() as fake:
        yield fake


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, provider: FakeOpenId) -> AsyncIterator[House]:
    config = LoginConfig("office", "oidc", provider.client_id, provider.client_secret, issuer=provider.url)
    async with open_house(tmp_path_factory.mktemp("house"), world=Impatient(), logins=(config,)) as running:
        yield running


@pytest.fixture
def office(provider: FakeOpenId, house: House) -> FakeOpenId:
    """The provider as it was at first, and nothing is known of it any more."""
    provider.be_honest()
    cast("Impatient", house.app.world).skipped += 3601
    return provider


NOW = int(time.time())
"""When this was read: an hour before or after it is far enough, however long it takes until a test runs."""


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"nonce": "another"}, "token_nonce"),
        ({"nonce": None}, "token_nonce"),
        ({"aud": "another"}, "token_audience"),
        ({"aud": ["another", "third"]}, "token_audience"),
        ({"aud": ["us", "another"]}, "token_audience"),
        ({"aud": ["us", "another"], "azp": "another"}, "token_audience"),
        ({"aud": None}, "token_audience"),
        ({"iss": "https://accounts.example.org"}, "token_issuer"),
        ({"iss": None}, "token_issuer"),
        ({"exp": NOW - 3600}, "token_expired"),
        ({"exp": None}, "token_expired"),
        ({"exp": "soon"}, "token_expired"),
        ({"iat": NOW + 3600}, "token_expired"),
        ({"nbf": NOW + 3600}, "token_expired"),
        ({"sub": None}, "token_invalid"),
        ({"sub": 7}, "token_invalid"),
        ({"sub": ""}, "token_invalid"),
        ({"sub": "x" * 256}, "token_invalid"),
        ({"at_hash": "another"}, "token_invalid"),
    ],
)
async def test_each_claim_is_checked(house: House, office: FakeOpenId, claims: dict[str, Any], code: str) -> None:
    office.claims = claims
    visitor = house.visitor()
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == code
    assert (await visitor.get("/api/me"))["kind"] == "guest"


async def test_what_is_right_is_taken(house: House, office: FakeOpenId) -> None:
    office.claims = {"aud": ["us", "another"], "azp": "us", "exp": int(time.time()) - 30, "email_verified": "true"}
    office.person = {"email": "ada@example.org", "email_verified": False, "name": "Ada\n\u00a0 Byron"}
    visitor = house.visitor()
    assert await sign_in(visitor, "office") == "/"
    me = await visitor.get("/api/me")
    assert (me["name"], me["email"]) == ("Ada Byron", "ada@example.org")


async def test_a_token_that_somebody_else_signed_is_not_taken(house: House, office: FakeOpenId) -> None:
    office.signs_with = ECKey.generate_key("P-256", {"kid": "first"})
    visitor = house.visitor()
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == "token_signature"


async def test_a_token_that_is_signed_with_what_everybody_knows_is_not_taken(house: House, office: FakeOpenId) -> None:
    """The provider's public key as a secret, and the client's secret."""
    public = str(office.keys[0].as_dict(private=False)["x"])
    for secret in (public, office.client_secret * 2):
        office.signs_with, office.algorithm = OctKey.import_key(secret), "HS256"
        office.published = {"id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]}
        visitor = house.visitor()
        assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == "token_signature"


@pytest.mark.parametrize("algorithms", [["HS256"], ["ES256", "HS256"], [], ["none"]])
async def test_a_key_that_is_shared_by_all_signs_nothing(
    house: House, office: FakeOpenId, algorithms: list[str]
) -> None:
    secret = OctKey.generate_key(256, {"kid": "first"})
    office.shared = [secret.as_dict(private=True)]
    office.signs_with, office.algorithm = secret, "HS256"
    office.published = {"id_token_signing_alg_values_supported": algorithms}
    visitor = house.visitor()
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == "token_signature"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "token_signature"),
        ("no token", "token_invalid"),
        ("a.b.c", "token_invalid"),
        ("", "token_invalid"),
    ],
)
async def test_what_is_no_token_is_not_taken(house: House, office: FakeOpenId, token: str, code: str) -> None:
    office.token = token or "."
    visitor = house.visitor()
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == code


async def test_a_key_that_is_new_is_looked_up_once(house: House, office: FakeOpenId) -> None:
    visitor = house.visitor()
    await sign_in(visitor, "office")
    await sign_in(visitor, "office")
    assert office.calls.count("/jwks") == office.calls.count("/.well-known/openid-configuration") == 1
    office.rotate("second")
    assert await sign_in(visitor, "office") == "/"
    assert office.calls.count("/jwks") == 2
    # One that is not there then either is none of theirs.
    office.keys[0] = ECKey.generate_key("P-256", {"kid": "third"})
    office.token = office.signed({"sub": "1"})
    office.rotate("fourth")
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == "token_signature"
    assert office.calls.count("/jwks") == 3


@pytest.mark.parametrize(
    ("promises", "told", "led"),
    [
        (False, None, "/"),
        (True, "own", "/"),
        (False, "own", "/"),
        (True, None, "other_issuer"),
        (True, "https://accounts.example.org", "other_issuer"),
        (False, "https://accounts.example.org", "other_issuer"),
    ],
)
async def test_who_says_to_have_answered_must_be_who_was_asked(
    house: House, office: FakeOpenId, promises: bool, told: str | None, led: str
) -> None:
    office.published = {"authorization_response_iss_parameter_supported": promises}
    office.answers = {} if told is None else {"iss": office.url if told == "own" else told}
    visitor = house.visitor()
    url = await sign_in(visitor, "office")
    assert (url if led == "/" else (await failure(visitor, url))["code"]) == led


@pytest.mark.parametrize(
    ("published", "code"),
    [
        ({"issuer": "https://accounts.example.org"}, "other_issuer"),
        ({"issuer": None}, "other_issuer"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "provider_unreachable"),
        ({"token_endpoint": None}, "provider_unreachable"),
        ({"jwks_uri": 7}, "provider_unreachable"),
    ],
)
async def test_a_provider_that_does_not_say_who_it_is_is_not_asked(
    house: House, office: FakeOpenId, published: dict[str, Any], code: str
) -> None:
    office.published = published
    visitor = house.visitor()
    assert (await failure(visitor, await ask(visitor, "office")))["code"] == code


async def test_somebody_elses_address_is_not_put_in_the_place_of_his(house: House, office: FakeOpenId) -> None:
    office.person = {"sub": "another", "email": "ada@example.org", "email_verified": True}
    visitor = house.visitor()
    assert (await failure(visitor, await sign_in(visitor, "office")))["code"] == "token_invalid"


async def test_a_secret_may_go_into_the_form(house: House, office: FakeOpenId) -> None:
    office.published = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert await sign_in(house.visitor(), "office") == "/"


async def test_a_client_may_have_no_secret(tmp_path: Any, office: FakeOpenId) -> None:
    """PKCE guards it."""
    office.published = {"token_endpoint_auth_methods_supported": ["none"]}
    office.is_public = True
    public = LoginConfig("office", "oidc", office.client_id, issuer=office.url)
    async with open_house(tmp_path, logins=(public,)) as own:
        assert await sign_in(own.visitor(), "office") == "/"


async def test_what_a_provider_repeats_of_secrets_is_not_shown(house: House, office: FakeOpenId) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office"))
    office.given.clear()
    told = await failure(visitor, await come_back(visitor, back))
    assert (told["code"], told["words"]) == ("code_refused", "The code … of … is not good any more.")


async def test_a_provider_that_fails_in_the_middle_is_told(house: House, office: FakeOpenId) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office"))
    office.down = True
    assert (await failure(visitor, await come_back(visitor, back)))["code"] == "provider_unreachable"


async def test_the_words_of_a_link_are_not_taken_for_the_providers(house: House, office: FakeOpenId) -> None:
    """Anybody can make an address with words in it; nobody else knows a state that this browser began."""
    visitor = house.visitor()
    words = "?error=access_denied&error_description=Call+0800+EVIL"
    for more in ("", "&state=x"):
        url = await come_back(visitor, f"/api/auth/office/callback{words}{more}")
        assert (await failure(visitor, url))["words"] is None
