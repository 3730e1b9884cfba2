"""Reports as text for people.

In: reports; out: tables on stdout. Called by the commands when `--json` is not asked for.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keycloak_license.errors import IncompleteSyncError
from keycloak_license.model.changes import AttributeRemoved, AttributeSet, Change, ClaimChange
from keycloak_license.model.instants import show_instant
from keycloak_license.model.measures import AccountChange, describe_measure
from keycloak_license.model.notice import Notice, is_about_seats
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.model.seat import HeldRelease
from keycloak_license.services.documents import Document

MAX_CHANGES_SHOWN = 20
MAX_WIDTH = 1000


def print_json(document: Document) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines as they are; names from outside are not taken for markup."""
    for line in lines:
        typer.echo(printable(line), err=err)


def print_table(table: Table, *, err: bool = False) -> None:
    """Print a table, as wide as it needs to be where there is no terminal to fit."""
    console = Console(markup=False, emoji=False, highlight=False, stderr=err)
    if not console.is_terminal:
        console.width = MAX_WIDTH
    console.print(table)


def printable(text: str) -> str:
    """Return a text without what would steer a terminal; names in Keycloak may hold anything."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def show_seats(seats: int | None) -> str:
    """Return a number of licensed seats as people read it."""
    return "unlimited" if seats is None else str(seats)


def print_report(report: RealmReport) -> None:
    """Print licence, usage and warnings."""
    print_lines(describe_license(report))
    print_table(usage_table(report.applications))
    print_lines(describe_held(report.held))
    print_warnings(report.warnings)


def describe_license(report: RealmReport) -> list[str]:
    """Return the lines about a realm's licence, and when it was synced last."""
    seen = "never" if report.synced_at is None else show_instant(report.synced_at)
    is_partial = report.synced_at is not None and not report.is_complete
    return [*describe_standing(report), f"Last sync {seen}{', incomplete' if is_partial else ''}"]


def describe_standing(report: RealmReport) -> list[str]:
    """Return the lines about a realm's licence: dates, and the instant at which access ends."""
    standing = report.standing
    lines = [f"Realm {report.realm}: licence {standing.state}, access {standing.access} ({standing.reason})"]
    if (license_ := standing.license) is not None:
        lines.append(f"Licence {license_.number} ({license_.type}) for {license_.customer}")
        lines.append(
            f"Issued on {license_.issued_on.isoformat()}, expiration date {license_.expires_on.isoformat()}"
        )
    if standing.stops_at is not None:
        verb = "Access ends at" if standing.is_granted else "Access ended at"
        lines.append(f"{verb} {show_instant(standing.stops_at)}")
    return lines


def describe_held(held: Sequence[HeldRelease]) -> Iterator[str]:
    """Yield the lines about what the guard holds."""
    if held:
        yield f"Held back, because so many releases at once may be a fault ({len(held)}):"
    for each in held[:MAX_CHANGES_SHOWN]:
        yield f"  {each.username} keeps {each.application} ({each.reason} since {show_instant(each.since)})"
    if len(held) > MAX_CHANGES_SHOWN:
        yield f"  … and {len(held) - MAX_CHANGES_SHOWN} more, all with --json"


def usage_table(usages: Sequence[ApplicationUsage]) -> Table:
    """Return the table of seats by application."""
    table = empty_usage_table()
    for usage in usages:
        seats, used, waiting, percent = usage_cells(usage)
        marked = Text(waiting, style="bold red" if usage.waiting else "")
        table.add_row(usage.id, printable(usage.name), seats, used, marked, percent)
    return table


def empty_usage_table() -> Table:
    """Return a table with the columns of usage: id and name, then those of `usage_cells`."""
    table = Table("Application", "Name", show_edge=False)
    for heading in ("Seats", "Used", "Waiting", "Usage"):
        table.add_column(heading, justify="right")
    return table


def usage_cells(usage: ApplicationUsage) -> tuple[str, str, str, str]:
    """Return limit, used, waiting and percentage of an application as people read them."""
    percent = "" if usage.usage_percent is None else f"{usage.usage_percent} %"
    return show_seats(usage.seats), str(usage.used), str(usage.waiting), percent


def print_changes(changes: Sequence[Change], *, is_dry_run: bool, err: bool = False) -> None:
    """Print what a sync did, or would do."""
    if not changes:
        typer.echo("Nothing to change", err=err)
        return
    typer.echo(f"{len(changes)} changes{', none of them carried out' if is_dry_run else ''}:", err=err)
    print_lines((f"  {describe_change(change)}" for change in changes[:MAX_CHANGES_SHOWN]), err=err)
    if len(changes) > MAX_CHANGES_SHOWN:
        typer.echo(f"  … and {len(changes) - MAX_CHANGES_SHOWN} more (all with --json)", err=err)


def describe_change(change: Change) -> str:
    """Return one change as a line."""
    match change:
        case ClaimChange():
            return f"{change.kind} {change.claim.application} {change.claim.username} ({change.reason})"
        case AttributeSet():
            shown = change.value if len(change.value) <= 60 else change.value[:57] + "…"
            return f"{change.kind} {change.name} = {shown}"
        case AttributeRemoved():
            return f"{change.kind} {change.name}"
        case AccountChange():
            return " ".join(
                filter(None, (change.kind, change.application, change.username, f"({change.reason})"))
            )
        case _:
            return f"{change.kind} {describe_measure(change)}"


def print_notices(notices: Sequence[Notice], *, is_dry_run: bool) -> None:
    """Print what people are to be told, or would be."""
    if notices:
        what = [f"{each.kind} {each.application}" if is_about_seats(each) else each.kind for each in notices]
        how = "Would tell" if is_dry_run else "To be told by the worker or the next sync"
        print_lines([f"{how}: {', '.join(what)}"])


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings to stderr."""
    for warning in warnings:
        typer.echo(f"Warning: {warning.rstrip('.')}.", err=True)


def require_complete(realm: str, *, is_complete: bool) -> None:
    """Raise `IncompleteSyncError` when not everything was seen: what was printed may then be wrong."""
    if not is_complete:
        raise IncompleteSyncError(
            f"Realm {realm} was not read completely, so this may be wrong: see the warnings, mend what they "
            "name and ask again"
        )
