"""Five people in a real realm, hired and fired in the tests of licences and seats."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.cli import Outcome, Site, license_attributes

APPLICATIONS = {
    "WFM": {"name": "Workforce Management", "roles": ["WFM_*"]},
    "QM": {"name": "Quality Management", "roles": ["QM_*"]},
}
CREW = ("ann", "bob", "cid", "dan", "eve")


@dataclass(frozen=True)
class Crew:
    """Five people without roles in a realm that was never licensed."""

    site: Site

    def hire(self, *usernames: str, role: str = "WFM_AGENT") -> None:
        """Give people a role of an application, and sync."""
        self._map("post", usernames, role)

    def fire(self, *usernames: str, role: str = "WFM_AGENT") -> None:
        """Take it away, and sync."""
        self._map("delete", usernames, role)

    def give(self, seats: int | None, number: str = "CREW", *words: str, **changes: Any) -> Outcome:
        """Import a licence for WFM."""
        return self.site.call("import", self.site.license(number, {"WFM": seats}, **changes), *words)

    def _map(self, verb: str, usernames: tuple[str, ...], role: str) -> None:
        realm = self.site.realm
        for username in usernames:
            path = f"/users/{realm.user_id(username)}/role-mappings/realm"
            getattr(realm, verb)(path, [realm.get(f"/roles/{role}")])
        self.site.call("sync").done()


def standing(site: Site) -> tuple[str, str, str, str | None]:
    """State, access, reason and number, which ledger and realm agree on."""
    license_ = site.status()["license"]
    attributes = license_attributes(site.realm)
    published = tuple(attributes.get(f"license.{key}") for key in ("state", "access", "reason", "number"))
    told = (license_["state"], license_["access"], license_["reason"], license_["number"])
    assert published == told
    return told
