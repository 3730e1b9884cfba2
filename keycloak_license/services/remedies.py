"""What would have to change, in words.

In: remedies of `plan.remedies`; out: sentences. Called by `documents` and `cli.members`; the screen has its
own words, in several languages.
"""

from keycloak_license.plan.remedies import Remedy, RemedyKind

_PLAIN = {
    RemedyKind.IMPORT: "Import a licence that has begun: without one nobody has access",
    RemedyKind.RENEW: "Import a renewed licence: access has ended for everybody",
    RemedyKind.ACTIVATE: "Have the licence activated for this installation: until then nobody has access",
    RemedyKind.SEE_AGAIN: (
        "What the user has is kept, although no path was seen: the next complete sync decides"
    ),
    RemedyKind.HELD: (
        "The release is held back, because so many at once may be a fault: confirm it with sync --force or "
        "on the screen, or it is carried out once it has lasted for guard.hold_hours"
    ),
    RemedyKind.ENABLE: "Enable the account: while it is disabled, no seat is needed",
    RemedyKind.UNEXEMPT: "Import a licence that does not exempt the user: while it does, no seat is needed",
    RemedyKind.NOTHING: "Nothing: the account of a service never needs a seat",
}


def describe_remedy(remedy: Remedy) -> str:
    """Return what would have to change, as one sentence without its full stop."""
    match remedy.kind:
        case RemedyKind.ADD_TO_LICENSE:
            return f"Import a licence that names the application, with at least {_seats(remedy.seats or 1)}"
        case RemedyKind.SEATS:
            return f"{_more_seats(remedy.seats or 1)} in the licence, or {_holders(remedy.seats or 1)} up"
        case RemedyKind.TAKE_AWAY:
            return _take_away(remedy)
        case RemedyKind.GIVE_ROLE:
            return f"Any of these makes the user need a seat: {', '.join(remedy.roles)}"
        case kind:
            return _PLAIN[kind]


def _take_away(remedy: Remedy) -> str:
    steps = [
        f"leave {grant}" if grant.startswith("group ") else f"take away {grant}" for grant in remedy.grants
    ]
    steps += [f"take {role} out of the default roles, which everybody has" for role in remedy.shared]
    return f"To free the seat, {' and '.join(steps)}"


def _seats(number: int) -> str:
    return "1 seat" if number == 1 else f"{number} seats"


def _more_seats(number: int) -> str:
    return "1 more seat" if number == 1 else f"{number} more seats"


def _holders(number: int) -> str:
    return "1 holder who gives theirs" if number == 1 else f"{number} holders who give theirs"
