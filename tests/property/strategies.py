"""Random realms, seats and licences for the properties of `plan`.

Everything is drawn from small pools, so that ties, cycles and people who come back are common.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from keycloak_license.model.application import Application
from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.license import (
    Activation,
    ImportedLicense,
    License,
    LicenseState,
    LicenseType,
    Reason,
    Standing,
)
from keycloak_license.model.realm import Group, RealmSnapshot, Role, User
from keycloak_license.model.seat import Claim
from keycloak_license.plan.allocation import Terms, allocate
from keycloak_license.plan.guard import DEFAULT_GUARD, Guard
from keycloak_license.plan.planner import SyncInputs
from tests.unit.plan.samples import coming

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INSTALLATION_ID = "installation-1"
REALM_ID = "realm-1"

WFM = Application(
    "WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("wfm-app", ("agent", "lead*")),)
)
QM = Application("QM", "Quality Management", roles=("QM_AGENT", "*_BOTH"))
APPLICATIONS = (WFM, QM)

_ROLES = (
    (None, "WFM_AGENT"),
    (None, "WFM_BOTH"),
    (None, "QM_AGENT"),
    (None, "qm_agent"),
    (None, "offline_access"),
    (None, "agent"),
    (None, "default-roles-acme"),
    ("wfm-app", "agent"),
    ("wfm-app", "leader"),
    ("other-app", "agent"),
    ("other-app", "WFM_AGENT"),
)
EXEMPT_USERS = ("Eleveo.Admin", "robot")
_USERNAMES = (
    "eleveo.admin", "ROBOT", "service-account-bob", "anna", "boris", "cyril", "dana", "ema", "filip",
)  # fmt: skip

ROLE_IDS = tuple(f"role-{number}" for number in range(len(_ROLES)))
GROUP_IDS = tuple(f"group-{number}" for number in range(7))
USER_IDS = tuple(f"user-{number}" for number in range(len(_USERNAMES)))
ROLES: Mapping[str, Role] = {
    role_id: Role(role_id, name, client_id)
    for role_id, (client_id, name) in zip(ROLE_IDS, _ROLES, strict=True)
}


def subsets(of: Sequence[str], max_size: int = 4) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of), max_size=max_size)


def links(sources: Sequence[str], targets: Sequence[str]) -> st.SearchStrategy[Mapping[str, frozenset[str]]]:
    """Random edges; a source without any may be missing or have an empty set."""
    return st.dictionaries(st.sampled_from(sources), subsets(targets), max_size=6)


created_at = st.none() | st.integers(0, 2)
providers = st.sampled_from([None, None, "ldap", "wiki"])
silences = st.sampled_from([{}, {}, {"ldap": "user storage provider ldap is disabled"}])


@st.composite
def people(draw: st.DrawFn) -> Mapping[str, User]:
    return {
        user_id: User(
            id=user_id,
            username=username,
            enabled=draw(st.booleans() | st.just(value=True)),
            created_at=draw(created_at),
            provider_id=draw(providers),
        )
        for user_id, username in zip(USER_IDS, _USERNAMES, strict=True)
    }


@st.composite
def forests(draw: st.DrawFn) -> Mapping[str, Group]:
    """Groups, each at the top or below an earlier one; two may share a name in different places."""
    groups: dict[str, Group] = {}
    for number, group_id in enumerate(GROUP_IDS):
        parent_id = draw(st.none() | st.sampled_from(GROUP_IDS[:number])) if number else None
        above = groups[parent_id].path if parent_id else ""
        groups[group_id] = Group(group_id, f"{above}/G{number}", parent_id)
    return groups


attributes = st.dictionaries(
    st.sampled_from(
        [
            "license.WFM.used", "license.OLD.seats", "license.OLD.usage", "license.state", "license.file",
            "license.number", "license.expiry_notice_days", "license.note", "cibaInterval", "frontendUrl",
            "license.OLD.queue", "license.WFM.queue",
        ]
    ),
    st.sampled_from(["", "0", "1", "OK", "elsewhere", "45, 7"]),
)  # fmt: skip


@st.composite
def snapshots(draw: st.DrawFn) -> RealmSnapshot:
    """A realm with cycles among its roles, a forest of groups, and everybody in `users`."""
    return RealmSnapshot(
        realm="acme",
        realm_id=REALM_ID,
        roles=ROLES,
        composites=draw(links(ROLE_IDS, ROLE_IDS)),
        groups=draw(forests()),
        users=draw(people()),
        role_users=draw(links(ROLE_IDS, USER_IDS)),
        role_groups=draw(links(ROLE_IDS, GROUP_IDS)),
        group_members=draw(links(GROUP_IDS, USER_IDS)),
        service_accounts=draw(subsets(USER_IDS, max_size=2)),
        default_role_id=draw(st.none() | st.just("role-6")),
        default_groups=draw(subsets(GROUP_IDS, max_size=1)),
        attributes=draw(attributes),
        silent_providers=draw(silences),
        gaps=draw(st.just(()) | st.just(("the users of role WFM_AGENT were not read",))),
    )


# Licences: days around NOON, so that each is before, in or after its time about as often.
days = st.integers(-70, 70).map(lambda number: NOON.date() + timedelta(days=number))
seats = st.none() | st.integers(0, 6)
scopes = st.dictionaries(st.sampled_from(["WFM", "QM"]), seats)
activations = st.sampled_from(
    [
        None,
        Activation(INSTALLATION_ID, REALM_ID),
        Activation("another", REALM_ID),
        Activation(INSTALLATION_ID, "x"),
    ]
)


@st.composite
def licenses(draw: st.DrawFn, start_days: st.SearchStrategy[date] = days) -> License:
    starts_on = draw(start_days)
    number = draw(st.sampled_from(["A-1", "B-2", "C-3"]))
    issue = draw(st.integers(1, 3))
    return License(
        number=number,
        issue=issue,
        type=draw(st.sampled_from(LicenseType)),
        customer="ACME",
        issued_on=starts_on - timedelta(days=draw(st.integers(0, 40))),
        starts_on=starts_on,
        expires_on=starts_on + timedelta(days=draw(st.integers(0, 80))),
        scope=draw(scopes),
        exempt_users=draw(st.sampled_from([EXEMPT_USERS, ()])),
        activation=draw(activations),
        file=f"file of {number}, issue {issue}",
    )


@st.composite
def imported(draw: st.DrawFn, start_days: st.SearchStrategy[date] = days) -> ImportedLicense:
    imported_at = NOON + timedelta(hours=draw(st.integers(-3, 0)))
    replaced_at = draw(st.none() | st.none() | st.just(NOON))
    return ImportedLicense(draw(licenses(start_days)), imported_at, replaced_at)


STATES = {
    Reason.ACTIVE: LicenseState.OK,
    Reason.TEMPORARY: LicenseState.OK,
    Reason.GRACE: LicenseState.NOT_ACTIVATED,
    Reason.GRACE_OVER: LicenseState.NOT_ACTIVATED,
    Reason.OTHER_INSTALLATION: LicenseState.NOT_ACTIVATED,
    Reason.EXPIRED: LicenseState.EXPIRED,
    Reason.NO_LICENSE: LicenseState.NONE,
    Reason.NOT_STARTED: LicenseState.NONE,
}


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    reason = draw(st.sampled_from(Reason) | st.just(Reason.ACTIVE))
    state = STATES[reason]
    if state is LicenseState.NONE:
        return Standing(state, reason)
    stops_at = None if reason is Reason.OTHER_INSTALLATION else NOON + timedelta(days=30)
    return Standing(state, reason, draw(licenses()), stops_at)


# Seats.
CONSUMER_IDS = tuple(f"u{number}" for number in range(10))
consumers = st.dictionaries(st.sampled_from(CONSUMER_IDS), created_at, max_size=10).map(
    lambda drawn: {user_id: User(user_id, f"name-{user_id}", True, None, at) for user_id, at in drawn.items()}
)
everybody = frozenset(CONSUMER_IDS)
kept: st.SearchStrategy[frozenset[str]] = (
    st.just(frozenset()) | st.just(everybody) | subsets(CONSUMER_IDS, max_size=10)
)
terms = st.builds(Terms, limit=seats, may_displace=st.booleans(), kept=kept)


@dataclass(frozen=True)
class Situation:
    """What `allocate` may be called with next, after any number of syncs."""

    claims: tuple[Claim, ...]
    consumers: Mapping[str, User]
    terms: Terms
    now: datetime


@st.composite
def situations(draw: st.DrawFn, next_terms: st.SearchStrategy[Terms] = terms) -> Situation:
    """Claims that came about: several syncs, with people coming and going and the terms changing."""
    claims: tuple[Claim, ...] = ()
    now = NOON
    for _ in range(draw(st.integers(0, 4))):
        allocation = allocate("WFM", draw(consumers), claims, draw(terms), coming(now))
        claims = (*allocation.seated, *allocation.waiting)
        now += timedelta(hours=draw(st.integers(0, 1)))
    return Situation(claims, draw(consumers), draw(next_terms), now)


guards = st.sampled_from([DEFAULT_GUARD, Guard(0, 0), Guard(0, 1, timedelta(minutes=20)), Guard(50, 1)])


@st.composite
def sync_inputs(draw: st.DrawFn) -> SyncInputs:
    """The first of a row of syncs: nothing claimed yet, or what is left of an application of old."""
    old = Claim("OLD", "user-3", "anna", None, None, NOON - timedelta(days=9), True, NOON - timedelta(days=8))
    return SyncInputs(
        snapshot=draw(snapshots()),
        applications=APPLICATIONS,
        claims=draw(st.sampled_from([(), (old,)])),
        standing=draw(standings()),
        installation_id=INSTALLATION_ID,
        now=NOON,
        believed=NOON,
        notice_terms=NoticeTerms(expiry_days=draw(st.sampled_from([(), (14,), (60, 30)]))),
        guard=draw(guards),
    )


def at(inputs: SyncInputs, now: datetime) -> SyncInputs:
    """Return the same at another time, which is believed."""
    return replace(inputs, now=now, believed=now)


@st.composite
def next_realms(draw: st.DrawFn, before: RealmSnapshot) -> RealmSnapshot:
    """The same realm later: memberships, accounts or what was seen have changed, or the whole of it."""
    fresh = draw(snapshots())
    fields = draw(
        st.sampled_from(
            [
                ("role_users",), ("group_members",), ("users",), ("gaps",), ("role_users", "gaps"), (),
                ("role_users", "silent_providers"), ("role_users", "group_members"),
            ]
        )
    )  # fmt: skip
    if not fields:
        return replace(fresh, attributes=before.attributes)
    return replace(before, **{name: getattr(fresh, name) for name in fields})
