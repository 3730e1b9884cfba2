"""`what-if`: what a change would do to seats, without making it.

In: roles, users, groups and a licence file; out: seats before and after, who would get one, wait or lose
one. Registered by `cli.main`.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.table import Table

from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import (
    MAX_CHANGES_SHOWN,
    describe_standing,
    empty_usage_table,
    print_json,
    print_lines,
    print_table,
    print_warnings,
    printable,
    require_complete,
    usage_cells,
)
from keycloak_license.errors import ConfigurationError
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.model.changes import (
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
    claim_key,
)
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.plan.difference import KEPT, NOT_YET
from keycloak_license.services.documents import prospect_document
from keycloak_license.services.what_if import Prospect, Wish, look_ahead

Holder = tuple[str, bool]
"""A username, id or path, and whether it is a group's."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("what-if")(what_if)


def what_if(  # noqa: PLR0913 - one for each option
    context: typer.Context,
    *,
    assign: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Role to give: ROLE or CLIENT/ROLE; or /GROUP to join."),
    ] = None,
    to_user: Annotated[
        list[str] | None, typer.Option(metavar="USER", help="Who would get it: username or id.")
    ] = None,
    to_group: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Group that would get it, such as /A/B.")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Role to take, or /GROUP to leave; written like --assign."),
    ] = None,
    from_user: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Who would lose it; without any --from, those of --to."),
    ] = None,
    from_group: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Group to take it from.")
    ] = None,
    license_file: Annotated[
        Path | None, typer.Option("--license", metavar="FILE", help="Licence file that would be imported.")
    ] = None,
    realm: RealmOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a change of roles, groups or licence would do to seats; nothing is changed.

    Roles, users and groups may be named repeatedly: each role then goes to each user and group.
    """
    to, from_ = _holders(to_user, to_group), _holders(from_user, from_group)
    wishes = make_wishes(assign or (), to, remove or (), from_)
    if not wishes and license_file is None:
        raise ConfigurationError(
            "Nothing to suppose: say --assign ROLE --to-user USER, --remove ROLE --from-user USER or "
            "--license FILE, see --help"
        )
    content = None if license_file is None else read_license_file(license_file)
    with invocation_of(context).realm(realm) as managed:
        prospect = look_ahead(managed, wishes, content, now)
    if as_json:
        print_json(prospect_document(prospect))
    else:
        _print(prospect)
    report = prospect.after.report
    require_complete(report.realm, is_complete=report.is_complete)


def make_wishes(
    assign: Sequence[str], to: Sequence[Holder], remove: Sequence[str], from_: Sequence[Holder]
) -> list[Wish]:
    """Return each role with each of those whom it goes to or comes from."""
    losing = from_ or to
    for roles, option, holders, target in (
        (assign, "--assign", to, "--to-user or --to-group"),
        (remove, "--remove", losing, "--from-user or --from-group"),
    ):
        if roles and not holders:
            raise ConfigurationError(f"{option} {roles[0]} lacks {target}: say whom it concerns")
    if to and not assign and (from_ or not remove):
        raise ConfigurationError("--to-user and --to-group lack --assign: say which role or group")
    if from_ and not remove:
        raise ConfigurationError("--from-user and --from-group lack --remove: say which role or group")
    given = [Wish(what, name, is_group) for what in assign for name, is_group in to]
    return given + [Wish(what, name, is_group, is_taken=True) for what in remove for name, is_group in losing]


def _holders(users: Sequence[str] | None, groups: Sequence[str] | None) -> list[Holder]:
    return [(name, False) for name in users or ()] + [(path, True) for path in groups or ()]


def _print(prospect: Prospect) -> None:
    before, after = prospect.before, prospect.after.report
    print_lines(f"Supposed: {each.label}" for each in prospect.suppositions)
    if prospect.license is not None:
        print_lines([f"Supposed: licence {prospect.license.number} imported"])
    if before.standing != after.standing:
        for heading, report in (("Before", before), ("After", after)):
            print_lines([f"{heading}:", *describe_standing(report)])
    _print_usage(before, after)
    print_lines(_change_lines(prospect))
    print_lines(f"Note: {each}." for each in prospect.remarks)
    print_lines(_held_lines(prospect))
    print_warnings(after.warnings)


def _print_usage(before: RealmReport, after: RealmReport) -> None:
    pairs = list(zip(before.applications, after.applications, strict=True))
    changed = [(one, other) for one, other in pairs if one != other]
    if changed:
        print_table(_usage_table(changed))
    if same := [one.id for one, other in pairs if one == other]:
        print_lines([f"As many seats as before: {', '.join(same)}"])


def _usage_table(pairs: Sequence[tuple[ApplicationUsage, ApplicationUsage]]) -> Table:
    table = empty_usage_table()
    for one, other in pairs:
        cells = zip(usage_cells(one), usage_cells(other), strict=True)
        table.add_row(one.id, printable(one.name), *(_arrow(*pair) for pair in cells))
    return table


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before or 'none'} → {after or 'none'}"


def _change_lines(prospect: Prospect) -> Iterator[str]:
    changes, places = prospect.changes, prospect.positions()
    if not changes:
        yield "No seat would change"
        return
    yield f"Changes of seats, none of them carried out ({len(changes)}):"
    for change in changes[:MAX_CHANGES_SHOWN]:
        yield f"  {_describe(change, places.get(claim_key(change.claim)))}"
    if len(changes) > MAX_CHANGES_SHOWN:
        yield f"  … and {len(changes) - MAX_CHANGES_SHOWN} more (all with --json)"


def _held_lines(prospect: Prospect) -> Iterator[str]:
    if prospect.held:
        hours = f"{prospect.hold / timedelta(hours=1):g}"
        yield (
            f"Releases that a sync would hold back for {hours} h, or until sync --force, because so many at "
            f"once may be a fault: {len(prospect.held)}"
        )


def _describe(change: SeatChange, place: int | None) -> str:
    who, application = change.claim.username, change.claim.application
    match change:
        case SeatAssigned() if change.reason == KEPT:
            return f"{who} would keep the seat of {application} that a sync now would take"
        case SeatAssigned():
            return f"{who} would get a seat of {application}"
        case SeatDisplaced():
            return f"{who} would lose the seat of {application} ({change.reason}) and wait at place {place}"
        case SeatReleased() if change.reason == NOT_YET:
            return f"{who} would not get the seat of {application} that a sync now would give"
        case SeatReleased():
            return f"{who} would lose the seat of {application} ({change.reason})"
        case WaitingStarted():
            return f"{who} would wait for {application} at place {place}"
        case WaitingEnded() if change.reason == NOT_YET:
            return f"{who} would not come to wait for {application}, as by a sync now"
        case WaitingEnded():
            return f"{who} would not wait for {application} any more ({change.reason})"
        case _:
            assert_never(change)
