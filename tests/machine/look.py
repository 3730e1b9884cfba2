"""What one attempt was shown of the realm, and what was true at those moments.

In: a `Side` at the moment of a read; out: a `Look`, which `seats` judges every commit by. Who consumes is
worked out here from each user, as Keycloak does, never from lists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot, Rereading
from tests.fakes import RoleName
from tests.machine.realm import Account, Side

APPLICATIONS = (
    Application("WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("desk", ("agent",)),)),
    Application("QM", "Quality Management", roles=("QM_*",)),
)

Key = tuple[str, str]
"""Application and user."""


def counts(application: str, role: RoleName) -> bool:
    """Whether a role makes a user consume an application; the same as above, said otherwise."""
    client, name = role
    if client is None:
        return name.startswith(f"{application}_")
    return (application, client, name) == ("WFM", "desk", "agent")


def who_consumes(side: Side, users: Iterable[str] | None = None) -> dict[str, frozenset[str]]:
    """Return who is enabled and has a role, by application; exemptions are the licence's business."""
    accounts = side.accounts()
    asked = accounts.keys() if users is None else accounts.keys() & set(users)
    roles = {user: side.effective_roles(user) for user in asked if accounts[user].enabled}
    return {
        each.id: frozenset(
            user for user, held in roles.items() if any(counts(each.id, role) for role in held)
        )
        for each in APPLICATIONS
    }


@dataclass
class Look:
    """The realm at the moments at which one attempt read it."""

    consumers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The truth at the read, by application."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    realm_id: str = ""
    hidden: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    """Who stood in any list, or was read by himself."""
    silent_at_read: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    """Providers that said nothing of their own users, at any moment."""
    server_time: datetime | None = None
    """What it really was, where Keycloak told it."""
    has_gaps: bool = False
    """Whether anything else could not be read, at any moment."""
    gone: set[Key] = field(default_factory=set)
    """Whoever did not consume at the moment he was read by himself."""
    present: set[Key] = field(default_factory=set)
    """Whoever did."""
    unknown: set[str] = field(default_factory=set)
    """Users of whom nothing was learnt by reading them by themselves."""

    def see(self, side: Side, snapshot: RealmSnapshot) -> None:
        """Keep the truth at the moment of a read."""
        self.consumers = who_consumes(side)
        self.accounts = dict(side.accounts())
        self.attributes = dict(side.attributes)
        self.realm_id = side.realm_id
        self.hidden, self.shown = frozenset(side.hidden), frozenset(snapshot.users)
        self.silent_at_read = self.silent = frozenset(snapshot.silent_providers)
        self.has_gaps, self.server_time = bool(snapshot.gaps), snapshot.server_time

    def see_again(self, side: Side, users: Iterable[str], again: Rereading) -> None:
        """Keep the truth at the moment at which users were read one by one."""
        users = {user for user in users if again.users[user].doubt is None}
        self.unknown |= again.users.keys() - users
        consumers = who_consumes(side, users)
        for application in APPLICATIONS:
            for user in users:
                known = self.present if user in consumers[application.id] else self.gone
                known.add((application.id, user))
        self.shown |= users
        self.silent |= again.silent_providers.keys()
        self.has_gaps |= bool(again.gaps)

    def is_away(self, user: str, provider: str | None) -> bool:
        """Whether nothing was known of a user because of his federation."""
        account = self.accounts.get(user)
        return not self.silent.isdisjoint({provider, account.provider if account else provider} - {None})

    def listed(self, application: str) -> frozenset[str]:
        """Return the consumers whom the lists showed, had they no gaps."""
        return frozenset(
            user
            for user in self.consumers[application] - self.hidden
            if self.accounts[user].provider not in self.silent_at_read
        )
