"""The command line: ``threadline serve``, ``worker``, ``migrate`` and ``doctor``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from threadline.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from threadline.app.doctor import Finding

# Whatever is heavy is imported by the command that needs it, so that each starts as fast as it can.

app = typer.Typer(
    name="threadline",
    help="Conversations with language models that never lose a token.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any that is free.")]
Data = Annotated[Path | None, typer.Option(help="Folder in which everything is kept.")]
Config = Annotated[Path | None, typer.Option(help="Settings file; without it threadline.toml where there is one.")]


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
    """Say what is wrong and how to mend it; ends with 1 where the server would not start."""
    from threadline.app.doctor import examine

    _report(examine(_settings(config, host=host, port=port, data=data)))


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


def _run(work: Coroutine[Any, Any, None]) -> None:
    from threadline.app.failures import CannotStart
    from threadline.app.running import run

    try:
        run(work)
    except CannotStart as fault:
        _stop(str(fault), 3)


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
