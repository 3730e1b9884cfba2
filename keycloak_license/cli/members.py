"""`members` and `explain`: who has a seat, and why.

In: an application or a user; out: a table, CSV or JSON. Registered by `cli.main`.
"""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from keycloak_license.cli.invocation import (
    CsvOption,
    JsonOption,
    RealmOption,
    invocation_of,
    now,
    require_one_form,
)
from keycloak_license.cli.output import (
    print_json,
    print_lines,
    print_table,
    printable,
)
from keycloak_license.model.instants import show_instant
from keycloak_license.plan.consumers import Path
from keycloak_license.services.documents import explanation_document, members_document
from keycloak_license.services.member_list import member_cells, members_csv, show_path
from keycloak_license.services.overview import (
    Explanation,
    Member,
    UserExplanation,
    explain_user,
    list_members,
)
from keycloak_license.services.remedies import describe_remedy


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(members)
    app.command()(explain)


def members(
    context: typer.Context,
    *,
    application: Annotated[str, typer.Argument(metavar="APP", help="Application id.")],
    realm: RealmOption = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those who wait.")] = False,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show who holds a seat or waits for one, since when and by which path."""
    require_one_form(as_csv=as_csv, as_json=as_json)
    with invocation_of(context).realm(realm) as managed:
        allocation, found = list_members(managed, application, now())
    shown = [member for member in found if not waiting or not member.claim.is_seated]
    if as_json:
        print_json(members_document(application, allocation.limit, shown))
    elif as_csv:
        typer.echo(members_csv(shown), nl=False)
    else:
        print_table(_members_table(shown))


def explain(
    context: typer.Context,
    *,
    user: Annotated[str, typer.Argument(help="Username or id.")],
    realm: RealmOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a user holds, waits for or does not need each seat, and what would have to change."""
    with invocation_of(context).realm(realm) as managed:
        explanation = explain_user(managed, user, now())
    if as_json:
        print_json(explanation_document(explanation))
    else:
        print_lines(_explanation_lines(explanation))


def _members_table(members_: Sequence[Member]) -> Table:
    table = Table(show_edge=False)
    for heading in ("User", "E-mail", "State", "Since", "Place", "Path"):
        table.add_column(heading, overflow="fold")
    for member in members_:
        table.add_row(*(printable(cell) for cell in member_cells(member)))
    return table


def _explanation_lines(explanation: UserExplanation) -> list[str]:
    user = explanation.user
    lines = [f"{user.username} ({user.id}), {'enabled' if user.enabled else 'disabled'}"]
    if not explanation.standing.is_granted:
        lines.append(f"Access is blocked for everybody ({explanation.standing.reason})")
    if explanation.is_exempt:
        lines.append("The licence exempts this user: no seat is needed")
    for each in explanation.applications:
        lines.append(f"{each.application.id}: {_explain_one(each)}")
        lines.extend(f"  {_show_way(path, explanation.default_role)}" for path in each.paths)
        lines.extend(f"  To change: {printable(describe_remedy(remedy))}" for remedy in each.remedies)
    return lines


def _show_way(path: Path, default_role: str | None) -> str:
    is_default = path[0] == default_role
    return printable(show_path(path)) + (" (a default role, which everybody has)" if is_default else "")


def _explain_one(explanation: Explanation) -> str:
    member = explanation.member
    if member is None:
        return "needs no seat" + (", although these paths lead to a role" if explanation.paths else "")
    if member.claim.is_seated:
        return f"holds a seat since {show_instant(member.since)}"
    return f"waits at place {member.position} since {show_instant(member.since)}"
