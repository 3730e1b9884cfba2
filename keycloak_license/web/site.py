"""Everything a request may need: the realms, who is at the screen, and the clock.

Made by `server` from what `bootstrap` opens; handed to every part of `web` by `app`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from keycloak_license.model.progress import Progress
from keycloak_license.model.screen import ScreenAddress
from keycloak_license.model.session import AuditAction, AuditEntry
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.ports import Audit, Directory, Sessions
from keycloak_license.services.viewing import Viewer
from keycloak_license.web.jobs import Job
from keycloak_license.web.limits import Limits
from keycloak_license.web.oidc import Provider

OpenRealm = Callable[[Progress], ManagedRealm]
"""Returns a realm to work on, whose progress is shown somewhere."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One realm at the screen."""

    name: str
    open_realm: OpenRealm
    viewer: Viewer
    directory: Directory
    provider: Provider
    job: Job
    """The sync that was asked for here."""

    @property
    def managed(self) -> ManagedRealm:
        """The realm, to look at."""
        return self.viewer.managed


@dataclass(frozen=True, slots=True)
class Site:
    """The whole screen."""

    address: ScreenAddress
    desks: Mapping[str, Desk]
    sessions: Sessions
    audit: Audit
    idle: timedelta
    """After which a session is over that nobody uses."""
    lasting: timedelta
    """After which every session is over."""
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def note(
        self,
        realm: str,
        who: "Actor",
        action: AuditAction,
        what: str = "",
        problem: str | None = None,
    ) -> None:
        """Keep who did, or tried, what."""
        self.audit.record(AuditEntry(realm, self.clock(), who.user_id, who.username, action, what, problem))


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose doing something is."""

    user_id: str
    username: str


def digest(text: str) -> str:
    """Return by what something secret is known without keeping it."""
    return hashlib.sha256(text.encode()).hexdigest()
