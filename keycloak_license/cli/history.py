"""`history` and `forget`: what happened to seats, and letting that name somebody no more.

In: an application, or none; out: a table by day or application, seat events, CSV, JSON, a plot. Registered by
`cli.main`. Only the ledger is asked, so both also work while Keycloak is down.
"""

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_json, print_lines, print_table, printable, show_seats
from keycloak_license.errors import ConfigurationError
from keycloak_license.model.instants import show_instant
from keycloak_license.model.record import SeatEvent
from keycloak_license.plan.forecast import NoForecast
from keycloak_license.services.retention import forget_user
from keycloak_license.services.seat_history import ApplicationHistory, RealmHistory, read_history
from keycloak_license.services.seat_history_documents import (
    all_events,
    days_csv,
    events_csv,
    explain_forecast,
    history_document,
    moves_csv,
    show_grantor,
)

MAX_NAMED = 20
"""How many people of a peak are named; the others are counted."""
MAX_EVENTS = 100
"""How many seat events are shown, the last ones; the others are counted."""
_OBVIOUS = (NoForecast.UNLIMITED, NoForecast.NOT_LICENSED)
"""What the table of all applications shows anyway."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(history)
    app.command()(forget)


def history(  # noqa: PLR0913 - Typer takes one parameter for each option
    context: typer.Context,
    *,
    application: Annotated[
        str | None, typer.Option("--application", metavar="APP", help="Only this application, day by day.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=36_500, help="Days to go back, with today.")] = 30,
    events: Annotated[
        bool, typer.Option("--events", help="Show who got or lost a seat, when, why, and who gave the role.")
    ] = False,
    reassigned: Annotated[
        bool,
        typer.Option(
            "--reassigned",
            help="Show for each month how many seats were assigned, released, and re-assigned: assigned "
            "after somebody else had freed them.",
        ),
    ] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw used, waiting and limit over time.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a line for each day, seat event or month.")
    ] = False,
    as_json: JsonOption = False,
    realm: RealmOption = None,
) -> None:
    """Show used and waiting, limit and peak over time, and when seats run out; Keycloak is not asked."""
    if plot + as_csv + as_json > 1:
        raise ConfigurationError("Only one of --plot, --csv and --json can be printed: choose one.")
    if plot and (events or reassigned):
        asked = "--events" if events else "--reassigned"
        raise ConfigurationError(f"{asked} cannot be drawn: leave it or --plot out.")
    if as_csv and events and reassigned:
        raise ConfigurationError("CSV has one kind of line: choose --events or --reassigned.")
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        found = read_history(managed, now(), days, application)
    if as_json:
        print_json(history_document(found, with_events=events, with_moves=reassigned))
    elif as_csv:
        to_csv = events_csv if events else moves_csv if reassigned else days_csv
        typer.echo(to_csv(found), nl=False)
    elif plot:
        _plot(found)
    elif events or reassigned:
        _print_asked_for(found, with_events=events, with_moves=reassigned)
    elif application is not None:
        _print_one(found)
    else:
        _print_all(found)


def forget(
    context: typer.Context,
    *,
    user: Annotated[str, typer.Argument(help="Username or id.")],
    realm: RealmOption = None,
) -> None:
    """Let the history name a user no more, who has no seat and waits for none; Keycloak is not asked."""
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        count = forget_user(managed, user)
    typer.echo(f"{count} seat events named that user, and do not any more")


def _print_all(found: RealmHistory) -> None:
    print_lines([_heading(found)])
    table = Table("Application", "Name", show_edge=False)
    for heading in ("Used", "Waiting", "Limit", "Peak"):
        table.add_column(heading, justify="right")
    table.add_column("On")
    for each in found.applications:
        today = each.days[-1]
        table.add_row(
            each.application.id,
            printable(each.application.name),
            str(today.used),
            str(today.waiting),
            show_seats(today.limit),
            str(each.peak.count),
            _at(each, found) if each.peak.count else "",
        )
    print_table(table)
    print_lines(explain_forecast(each) for each in found.applications if each.forecast not in _OBVIOUS)


def _print_one(found: RealmHistory) -> None:
    [one] = found.applications
    print_lines([f"{one.application.id}, {_heading(found)}"])
    table = Table("Day", show_edge=False)
    for heading in ("Used", "Waiting", "Limit", "Peak"):
        table.add_column(heading, justify="right")
    for day in one.days:
        table.add_row(
            day.day.isoformat(), str(day.used), str(day.waiting), show_seats(day.limit), str(day.peak.count)
        )
    print_table(table)
    if one.peak.count:
        names = [person.username for person in one.people[:MAX_NAMED]]
        more = len(one.people) - len(names)
        rest = f" and {more} more, all with --json" if more else ""
        print_lines([f"Peak {one.peak.count} from {_at(one, found)}: {', '.join(names)}{rest}"])
    print_lines([explain_forecast(one)])


def _print_asked_for(found: RealmHistory, *, with_events: bool, with_moves: bool) -> None:
    print_lines([_heading(found)])
    if with_events:
        print_events(found)
    if with_moves:
        print_table(_moves_table(found.applications))


def print_events(found: RealmHistory) -> None:
    """Print a table of the last seat events."""
    events = all_events(found)
    if len(events) > MAX_EVENTS:
        print_lines([f"The last {MAX_EVENTS} of {len(events)} seat events, all with --csv:"])
    print_table(_events_table(events[-MAX_EVENTS:], ZoneInfo(found.time_zone)))


def _events_table(events: Sequence[SeatEvent], zone: ZoneInfo) -> Table:
    table = Table(show_edge=False)
    for heading in ("At", "Application", "User", "What", "Why", "Given by", "Given at"):
        table.add_column(heading, overflow="fold")
    for event in events:
        cells = (
            show_instant(event.at.astimezone(zone)),
            event.application,
            event.username,
            event.kind,
            event.reason,
            show_grantor(event),
            show_instant(event.granted_at.astimezone(zone)) if event.granted_at else "",
        )
        table.add_row(*(printable(cell) for cell in cells))
    return table


def _moves_table(histories: Sequence[ApplicationHistory]) -> Table:
    table = Table("Month", "Application", show_edge=False)
    for heading in ("Assigned", "Released", "Re-assigned"):
        table.add_column(heading, justify="right")
    for each in histories:
        for month in each.moves:
            counts = (str(count) for count in (month.assigned, month.released, month.reassigned))
            table.add_row(f"{month.month:%Y-%m}", each.application.id, *counts)
    return table


def _plot(found: RealmHistory) -> None:
    # Loaded here, so that no other command has to wait for the library.
    from keycloak_license.cli.plot import draw, require_braille, space  # noqa: PLC0415

    require_braille()
    print_lines([_heading(found)])
    for each in found.applications:
        typer.echo(draw(each, space()))
        print_lines([explain_forecast(each)])


def _heading(found: RealmHistory) -> str:
    return f"{found.since} to {found.until} ({found.time_zone})"


def _at(history_: ApplicationHistory, found: RealmHistory) -> str:
    return show_instant(history_.peak.at.astimezone(ZoneInfo(found.time_zone)))
