"""The `keycloak-license` command: global options, and the one place where errors become exit statuses.

In: the words of a command line; out: results on stdout, everything else on stderr, an exit status.
"""

import io
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from keycloak_license import __version__
from keycloak_license.cli import (
    demo,
    doctor,
    duplicates,
    health,
    history,
    idle,
    init,
    licenses,
    members,
    offline,
    run,
    sync,
    what_if,
)
from keycloak_license.cli.invocation import Invocation
from keycloak_license.cli.vendor import vendor_app
from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.logs import configure_logs

LIST_OPTIONS = frozenset({"--seats", "--exempt"})
"""Options that take several values after one name."""

app = typer.Typer(
    name="keycloak-license",
    help="Turns signed licence files into seats for the applications behind a Keycloak realm.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for module in (
    demo,
    init,
    doctor,
    sync,
    run,
    health,
    licenses,
    members,
    what_if,
    history,
    idle,
    duplicates,
    offline,
):
    module.register(app)
app.add_typer(vendor_app)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's callback signature
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _global_options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Configuration file; else $KEYCLOAK_LICENSE_CONFIG or config/keycloak-license.yaml."
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log more; show the traceback of an error.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    configure_logs(verbose=verbose, stream=sys.stderr)
    context.obj = Invocation(config=config, environ=dict(os.environ))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status; an expected error is one sentence on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = app(repeat_list_options(words), prog_name="keycloak-license", standalone_mode=False)
    except (KeycloakLicenseError, typer.Abort, TyperException, BrokenPipeError) as error:
        status = _explain(error, words)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _fail(
            error,
            f"This is a fault of keycloak-license ({type(error).__name__}): run the command again with "
            "--verbose and report what it prints",
            words,
        )
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _explain(error: Exception, words: Sequence[str]) -> int:
    """Say what is wrong in one sentence and return the exit status."""
    match error:
        case KeycloakLicenseError():
            _fail(error, str(error), words)
            return error.exit_status
        case TyperException() if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message(), err=True)
            return 2
        case TyperException():
            _fail(error, f"{error.format_message().rstrip('.')}: see --help", words)
            return 2
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case _:
            _fail(error, "Stopped: what was under way is made good by the next sync", words)
            return 1


def repeat_list_options(words: Iterable[str]) -> list[str]:
    """Write ``--seats A=1 B=2`` as ``--seats A=1 --seats B=2``, which is all that Typer understands."""
    result: list[str] = []
    current: str | None = None
    takes_value = False
    for word in words:
        if word.startswith("--"):
            current, takes_value = (word if word in LIST_OPTIONS else None), word in LIST_OPTIONS
        elif current is not None and not takes_value:
            result.append(current)
        else:
            takes_value = False
        result.append(word)
    return result


def _fail(error: Exception, sentence: str, words: Sequence[str]) -> None:
    if "--verbose" in words:
        traceback.print_exception(error)
    typer.echo(f"Error: {sentence.rstrip('.')}.", err=True)
