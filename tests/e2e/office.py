"""An office whose people log in: two licensed applications and one that is not, in a realm of their own.

`Office` is a site in mode `gate` or `disable`, with the doors that its people go through; `hire` and `fire`
are what an admin does. Used by the tests of enforcement.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cli import Site, day, make_site
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.logins import App, Browser, Page, Tokens

PASSWORD = "correct horse"
CONTACT = "Lis in room 3"
WFM_TEXT = f"There is no free seat for you in Workforce Management. Please ask {CONTACT} for one."
QM_TEXT = f"There is no free seat for you in Quality Management. Please ask {CONTACT} for one."
EXPIRED_TEXT = f"The licence for Workforce Management has expired. Please ask {CONTACT} to renew it."
LICENSED = {
    "WFM": {"name": "Workforce Management", "roles": ["WFM_*"], "clients": ["wfm-app"]},
    "QM": {"name": "Quality Management", "roles": ["QM_*"], "clients": ["qm-app"]},
}


def person(username: str, *roles: str, **more: Any) -> dict[str, Any]:
    """A user who can log in without being asked for anything else."""
    return {
        "username": username,
        "enabled": True,
        "email": f"{username}@example.org",
        "emailVerified": True,
        "firstName": username,
        "lastName": "Example",
        "credentials": [{"type": "password", "value": PASSWORD}],
        "realmRoles": list(roles),
        **more,
    }


def client(client_id: str, **more: Any) -> dict[str, Any]:
    """A public client that may do everything a public client can."""
    return {
        "clientId": client_id,
        "publicClient": True,
        "redirectUris": ["*"],
        "directAccessGrantsEnabled": True,
        "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
        **more,
    }


@dataclass
class Office:
    """A site, and the doors of its realm."""

    site: Site
    _licenses: int = 0

    @property
    def realm(self) -> RealRealm:
        return self.site.realm

    def app(self, client_id: str) -> App:
        return App(self.realm.api.url, self.realm.name, client_id)

    @property
    def wfm(self) -> App:
        return self.app("wfm-app")

    @property
    def qm(self) -> App:
        return self.app("qm-app")

    @property
    def other(self) -> App:
        return self.app("other-app")

    def choose(self, mode: str, **more: Any) -> "Office":
        """Write the mode into the configuration."""
        self.site.settings["realms"] = {self.realm.name: {"enforcement": mode, "contact": CONTACT, **more}}
        self.site.configure()
        return self

    def license(self, seats: Mapping[str, int | None], **facts: Any) -> list[dict[str, Any]]:
        """Import a licence in the place of the one before; return the changes but for attributes."""
        self._licenses += 1
        file = self.site.license(f"L{self._licenses}", seats, **facts)
        changes = self.site.call("import", "--replace", "--json", file).document["changes"]
        return [each for each in changes if not each["kind"].startswith("attribute_")]

    def expire(self, seats: Mapping[str, int | None]) -> list[dict[str, Any]]:
        """Let the licence be one that ended yesterday."""
        return self.license(seats, issued_on=day(-40), starts_on=day(-40), expires_on=day(-1))

    def sync(self) -> list[dict[str, Any]]:
        """The changes of a sync, without those of attributes."""
        found = self.site.call("sync", "--json").document["changes"]
        return [each for each in found if not each["kind"].startswith("attribute_")]

    def hire(self, username: str, role: str) -> None:
        self.realm.post(self._roles_of(username), [self.realm.get(f"/roles/{role}")])

    def fire(self, username: str, role: str) -> None:
        self.realm.delete(self._roles_of(username), [self.realm.get(f"/roles/{role}")])

    def enter(self, app: App, username: str, browser: Browser | None = None) -> Page:
        """Log in with a browser, by default one that was never used."""
        return app.log_in(browser or Browser(), username, PASSWORD)

    def tokens(self, app: App, username: str) -> Tokens:
        """Log in and redeem the code."""
        return app.redeem(self.enter(app, username))

    def gets_in(self, app: App, username: str) -> bool:
        return self.enter(app, username).code is not None

    def user(self, username: str) -> Any:
        return self.realm.get(f"/users/{self.realm.user_id(username)}")

    def bindings(self, client_id: str) -> dict[str, str]:
        """What a client's doors lead to, by name."""
        [found] = self.realm.get("/clients", clientId=client_id)
        flows = {flow["id"]: flow["alias"] for flow in self.realm.get("/authentication/flows")}
        return {kind: flows[id_] for kind, id_ in found["authenticationFlowBindingOverrides"].items()}

    def leaves_shared_doors_open(self) -> bool:
        """Whether a sync and `doctor` tell that people come in by the doors that all clients share."""
        told = "People without a seat are not refused after a login through an identity provider"
        warnings = self.site.call("sync", "--json").document["warnings"]
        return told in self.site.call("doctor").done().stdout and any(told in each for each in warnings)

    def own_names(self) -> set[str]:
        """Everything in the realm that is called as ours are, but for the client and manage-licenses."""
        export = self.realm.post("/partial-export", exportGroupsAndRoles=True, exportClients=True)
        roles = export["roles"]["client"].get("keycloak-license", [])
        named = [*export["authenticationFlows"], *export["authenticatorConfig"]]
        found = {each["alias"] for each in named} | {each["name"] for each in export["clientScopes"]}
        return {name for name in found if name.startswith("license")} | {role["name"] for role in roles}

    def _roles_of(self, username: str) -> str:
        return f"/users/{self.realm.user_id(username)}/role-mappings/realm"


@contextmanager
def open_office(api: AdminApi, folder: Path, mode: str, **representation: Any) -> Iterator[Office]:
    """Make a realm with people and clients, and a site of that mode that is set up."""
    made = {
        "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
        "clients": [client("wfm-app"), client("qm-app"), client("other-app")],
        **representation,
    }
    with temporary_realm(api, made) as realm:
        office = Office(make_site(folder, realm, applications=LICENSED)).choose(mode)
        office.site.init().done()
        yield office
