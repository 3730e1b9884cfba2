"""Members as lines of text, one form for table, CSV and screen.

In: members of `overview`; out: cells and CSV. Called by `cli.members` and the screen.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from keycloak_license.model.instants import show_instant
from keycloak_license.plan.consumers import Path
from keycloak_license.services.overview import Member

FORMULA_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula may begin with; the last four are the wide ones of East Asia."""
HEADINGS = ("user_id", "username", "email", "state", "since", "position", "paths")


def show_path(path: Path) -> str:
    """Return a path as people read it, step by step; what was there is not made printable."""
    return " → ".join(path)


def member_cells(member: Member) -> tuple[str, ...]:
    """Return a member as text, all of `HEADINGS` but the id."""
    return (
        member.claim.username,
        member.claim.email or "",
        "seated" if member.claim.is_seated else "waiting",
        show_instant(member.since),
        str(member.position or ""),
        "; ".join(show_path(path) for path in member.paths),
    )


def members_csv(members: Sequence[Member]) -> str:
    """Return CSV with a header line."""
    return harmless_csv(HEADINGS, ((member.claim.user_id, *member_cells(member)) for member in members))


def harmless_csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return CSV with a header line, which no spreadsheet takes for formulas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a name for a formula, or for the end of a row."""
    is_suspicious = cell.startswith(FORMULA_SIGNS) or cell[:1].isspace()
    # A return by itself is not put into quotes by `csv`.
    return ("'" if is_suspicious else "") + cell.replace("\r", " ")
