"""The command line: ``threadline serve``, ``worker``, ``migrate``, ``doctor``, ``token``, ``key`` and ``user``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from threadline import __version__
from threadline.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from threadline.app.doctor import Finding

# Whatever is heavy is imported by the command that needs it, so that each starts as fast as it can.

app = typer.Typer(
    name="threadline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"threadline {__version__}")
        raise typer.Exit()


Version = Annotated[bool, typer.Option("--version", help="Say which version this is.", callback=_tell_version)]
Host = Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine.")]
# A text, so that what is said of a wrong one is the same as of the setting.
Port = Annotated[str | None, typer.Option(metavar="<int>", help="Port to listen on; 0 takes any that is free.")]
Data = Annotated[Path | None, typer.Option(help="Folder in which everything is kept.")]
Config = Annotated[Path | None, typer.Option(help="Settings file; without it threadline.toml where there is one.")]


@app.callback()
def program(version: Version = False) -> None:
    """Conversations with language models that never lose a token."""


@app.command()
def serve(host: Host = None, port: Port = None, data: Data = None, config: Config = None) -> None:
    """Serve the page and the API, and write the answers."""
    from threadline.app.running import serve as run

    _run(run(_settings(config, host=host, port=port, data=data), say=typer.echo))


@app.command()
def worker(data: Data = None, config: Config = None) -> None:
    """Write answers, and serve nothing."""
    from threadline.app.running import work as run

    _run(run(_settings(config, data=data), say=typer.echo))


@app.command()
def migrate(data: Data = None, config: Config = None) -> None:
    """Bring the database to the newest schema. A server does this by itself when it starts."""
    from threadline.app.running import migrate as run

    _run(run(_settings(config, data=data)))
    typer.echo("The database has the newest schema.")


@app.command()
def doctor(host: Host = None, port: Port = None, data: Data = None, config: Config = None) -> None:
    """Say what is wrong and how to mend it.

    Ends with 1 where the server would not start.
    """
    from threadline.app.doctor import examine

    _report(examine(_settings(config, host=host, port=port, data=data)))


token = typer.Typer(name="token", help="Access tokens, with which programs speak for a user.", no_args_is_help=True)
app.add_typer(token)


@token.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="What the token is for, such as the program's name.")],
    user: Annotated[
        str | None, typer.Option(help="The account it speaks for; else a service user of its name.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it is for: read, chat, openai, streams, admin or all; may be given more than once."),
    ] = None,
    days: Annotated[int | None, typer.Option(help="After how many days it ends; else when it is revoked.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make an access token and print it, alone on the last line. It is shown this once."""
    from threadline.app import tokens

    settings = _settings(config, data=data)
    _run(tokens.create(settings, name, user, say=typer.echo, scopes=scope or (), days=days))


@token.command("list")
def list_tokens(data: Data = None, config: Config = None) -> None:
    """Show every access token.

    A line for each: its id, name and user, when it was made and last used, what it is for and when it ends.
    """
    from threadline.app import tokens

    _run(tokens.show(_settings(config, data=data), say=typer.echo))


@token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `token list` shows.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Make an access token worthless.

    A server that runs knows so within half a minute.
    """
    from threadline.app import tokens

    _run(tokens.revoke(_settings(config, data=data), token_id, say=typer.echo))


key = typer.Typer(name="key", help="The keys for providers that users bring themselves.", no_args_is_help=True)
app.add_typer(key)


@key.command("rotate")
def rotate_keys(data: Data = None, config: Config = None) -> None:
    """Seal every user's key anew under the first secret.

    Ends with 2 where one cannot be read. A server that runs does this by itself.
    """
    from threadline.app import keys

    _run(keys.rotate(_settings(config, data=data), say=typer.echo))


user = typer.Typer(name="user", help="Accounts, for whoever runs the server.", no_args_is_help=True)
app.add_typer(user)

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's e-mail address, or its id.")]


@user.command("list")
def list_users(data: Data = None, config: Config = None) -> None:
    """Show every account.

    A line for each: its id, e-mail address, name and role, whether it has a password or is disabled, when it was made.
    """
    from threadline.app import users

    _run(users.show(_settings(config, data=data), say=typer.echo))


@user.command("create")
def create_user(
    email: Annotated[str, typer.Option(help="The e-mail address to sign in with.")],
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="Make it an admin's; the first account is one's anyway.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make an account.

    Its password is asked for, or read from standard input: one line.
    """
    from threadline.app import users

    settings = _settings(config, data=data)
    _run(users.create(settings, email, _password(), say=typer.echo, name=name, admin=admin))


@user.command("password")
def set_user_password(who: Who, data: Data = None, config: Config = None) -> None:
    """Set an account's password, and end all its sessions.

    It is asked for, or read from standard input: one line.
    """
    from threadline.app import users

    _run(users.set_password(_settings(config, data=data), who, _password(), say=typer.echo))


@user.command("promote")
def promote_user(who: Who, data: Data = None, config: Config = None) -> None:
    """Make somebody an admin."""
    from threadline.app import users

    _run(users.set_role(_settings(config, data=data), who, "admin", say=typer.echo))


@user.command("demote")
def demote_user(who: Who, data: Data = None, config: Config = None) -> None:
    """Make an admin a user again."""
    from threadline.app import users

    _run(users.set_role(_settings(config, data=data), who, "user", say=typer.echo))


@user.command("disable")
def disable_user(who: Who, data: Data = None, config: Config = None) -> None:
    """Shut somebody out.

    His sessions and access tokens are worthless; a server that runs knows so within half a minute.
    """
    from threadline.app import users

    _run(users.set_disabled(_settings(config, data=data), who, True, say=typer.echo))


@user.command("enable")
def enable_user(who: Who, data: Data = None, config: Config = None) -> None:
    """Let somebody in again."""
    from threadline.app import users

    _run(users.set_disabled(_settings(config, data=data), who, False, say=typer.echo))


def main() -> None:
    """The entry point of the program."""
    # What is imported stays for ever: looking through it for garbage again and again costs a tenth of the start.
    # The server turns it on when it is ready.
    gc.disable()
    app()


def _settings(config: Path | None, **given: Any) -> Settings:
    try:
        return load(os.environ, config, **given)
    except SettingsError as fault:
        _stop(str(fault))


def _password() -> str:
    """Never an argument, which others on this machine can see, and which the shell remembers."""
    if sys.stdin.isatty():
        found: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return found
    return sys.stdin.readline().rstrip("\r\n")


def _run(work: Coroutine[Any, Any, None]) -> None:
    from threadline.app.failures import CannotStart
    from threadline.app.running import run

    try:
        run(work)
    except CannotStart as fault:
        _stop(str(fault), fault.code)


def _stop(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"threadline: {message}", err=True)
    raise SystemExit(code)


def _report(findings: list[Finding]) -> None:
    for finding in findings:
        typer.echo(f"{finding.mark} {finding.text}")
        if finding.remedy:
            typer.echo(f"    {finding.remedy}")
    if any(finding.fatal for finding in findings):
        sys.exit(1)
