"""Who people may sign in through: what a table says, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadline.domain.logins import LoginConfig
from threadline.settings import SettingsError, load

OIDC = "[[login]]\nname = 'office'\nkind = 'oidc'\n"
WHOLE = OIDC + "issuer = 'https://accounts.example.org/'\nclient_id = 'us'\n"
GITHUB = "[[login]]\nname = 'github'\nkind = 'github'\nclient_id = 'us'\n"


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "threadline.toml"
    path.write_text(text)
    return path


def test_a_table_says_who_a_provider_is(tmp_path: Path) -> None:
    config = file(
        tmp_path,
        WHOLE
        + "client_secret = 'hush'\nscopes = ['openid']\ntitle = 'The office'\n"
        + GITHUB.replace("client_id", "client_secret = 'hush'\nbase_url = 'https://git.example.org'\nclient_id"),
    )
    office, github = load({}, config).logins
    assert office == LoginConfig(
        "office", "oidc", "us", "hush", issuer="https://accounts.example.org/", scopes=("openid",), title="The office"
    )
    assert (github.base_url, github.display_name, office.display_name) == (
        "https://git.example.org",
        "GitHub",
        "The office",
    )
    assert "hush" not in repr(load({}, config))


def test_a_secret_may_stand_in_the_environment(tmp_path: Path) -> None:
    config = file(tmp_path, WHOLE + "client_secret_env = 'OFFICE_SECRET'\n")
    assert load({"OFFICE_SECRET": " hush "}, config).logins[0].client_secret == "hush"
    with pytest.raises(SettingsError, match="OFFICE_SECRET, which is not set"):
        load({}, config)


def test_github_may_be_set_up_in_the_environment_alone(tmp_path: Path) -> None:
    both = {"THREADLINE_GITHUB_CLIENT_ID": "us", "THREADLINE_GITHUB_CLIENT_SECRET": "hush"}
    assert load(both).logins == (LoginConfig("github", "github", "us", "hush"),)
    assert "hush" not in repr(load(both))
    with pytest.raises(SettingsError, match="Set both"):
        load({"THREADLINE_GITHUB_CLIENT_ID": "us"})
    with pytest.raises(SettingsError, match="already"):
        load(both, file(tmp_path, GITHUB + "client_secret = 'hush'\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OIDC, "needs client_id"),
        (OIDC + "client_id = 'us'", "needs issuer"),
        (GITHUB, "needs client_secret"),
        (GITHUB + "client_secret = 'hush'\nissuer = 'https://a.example'", "issuer is not for"),
        (WHOLE + "base_url = 'https://a.example'", "base_url is not for"),
        (WHOLE.replace("https", "http"), "issuer must begin with https"),
        (WHOLE.replace("'us'", "'us'\nisuer = 'x'"), "Did you mean 'issuer'"),
        (WHOLE.replace("'office'", "'errors'"), "Choose another"),
        (WHOLE.replace("'office'", "'the office'"), "name must be of up to 40"),
        (WHOLE.replace("'oidc'", "'saml'"), "kind must be one of oidc, github"),
        (WHOLE + WHOLE, "there twice"),
        ("[login]\nname = 'a'", "write each provider as"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_is_wrong_in_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load({}, file(tmp_path, text))
    assert "hush" not in str(caught.value)


def test_this_machine_may_be_asked_without_tls(tmp_path: Path) -> None:
    config = file(tmp_path, WHOLE.replace("https://accounts.example.org", "http://localhost:4000"))
    assert load({}, config).logins[0].issuer == "http://localhost:4000/"
