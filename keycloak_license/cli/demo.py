"""`demo`: the whole product in one command, on a real Keycloak of its own.

In: how many users; out: the seed's example, licensed and synced, as a table. Registered by `cli.main`.
Everything it makes lives in a temporary folder and ends with it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import yaml

from keycloak_license.bootstrap import Admin, create_realm, open_provisioner, open_realm
from keycloak_license.cli.invocation import now
from keycloak_license.cli.output import print_lines, print_report
from keycloak_license.cli.run import run_sidecar
from keycloak_license.demo.example import EXAMPLE_ADMIN, example_realm
from keycloak_license.demo.process import free_port
from keycloak_license.demo.server import LocalKeycloak, default_cache
from keycloak_license.keycloak_api.recording import Wish
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.services.licenses import import_license
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.reconcile import run_once
from keycloak_license.settings import load_settings, packaged_applications

REALM = "acme"
LICENSED_SEATS = {"WFM": 50, "QM": None, "ELEARNING": 5}
"""One application with room, one unlimited, one with a seat too few."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the demo runs."""

    url: str
    admin: Admin
    folder: Path
    password: str
    """Of the one who manages licences there."""

    @property
    def config(self) -> Path:
        return self.folder / "keycloak-license.yaml"

    @property
    def keys(self) -> Path:
        return self.folder / "trusted-keys"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave Keycloak, worker and screen running.")] = False,
    users: Annotated[int, typer.Option(help="Users in the example realm.")] = 1000,
) -> None:
    """Boot a real Keycloak, fill in the example, license and sync it, and print the usage."""
    password = secrets.token_urlsafe()
    representation = example_realm(REALM, users, password)
    with (
        TemporaryDirectory(prefix="keycloak-license-demo-") as folder,
        LocalKeycloak(default_cache(), progress=_progress()) as keycloak,
    ):
        admin = Admin(keycloak.admin_user, keycloak.admin_password)
        place = _Place(keycloak.url, admin, Path(folder), password)
        _say(f"Filling realm {REALM} with {users} users")
        managed = _set_up(place, representation)
        _say("Importing a licence and syncing")
        import_license(managed, _issue_license(place), lambda _: True, now)
        print_report(run_once(managed, now=now()).realm)
        if keep:
            _stay(place)


def _set_up(place: _Place, representation: dict[str, object]) -> ManagedRealm:
    """Do what an operator does: a realm, a configuration, `init`."""
    packaged = packaged_applications()
    configuration = {
        "keycloak": {"url": place.url, "client_secret": secrets.token_urlsafe()},
        "realms": {REALM: {}},
        "applications": {id_: packaged[id_] for id_ in LICENSED_SEATS},
        "database": "sqlite:///keycloak-license.db",
        "web": {"port": free_port(8081), "management_port": free_port(9000)},
    }
    place.config.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
    settings = load_settings(place.config, {})
    create_realm(settings, place.admin, representation)
    secret = settings.keycloak.client_secret.get_secret_value()
    provisioner = open_provisioner(settings, REALM, place.admin)
    provisioner.provision(
        Enforcement.OBSERVE, client_secret=secret, recording=Wish(), screen=settings.web.address
    )
    provisioner.appoint(EXAMPLE_ADMIN)
    return open_realm(settings, REALM)


def _issue_license(place: _Place) -> bytes:
    """Do what a vendor does: a key pair, a temporary licence for a month."""
    today = now().date()
    pair = generate_key_pair(place.keys, "demo")
    payload = new_payload(
        {
            "format": 1,
            "number": "DEMO-1",
            "issue": 1,
            "type": "temporary",
            "customer": "Acme",
            "issued_on": today.isoformat(),
            "starts_on": (today - timedelta(days=1)).isoformat(),
            "expires_on": (today + timedelta(days=60)).isoformat(),
            "scope": {application: {"seats": seats} for application, seats in LICENSED_SEATS.items()},
        }
    )
    return SigningKey.load(pair.private).sign(payload).encode()


def _stay(place: _Place) -> None:
    """Keep everything running until it is interrupted."""
    settings = load_settings(place.config, {})
    web = settings.web
    print_lines(
        [
            f"Keycloak       {place.url}/admin/  user {place.admin.username}, "
            f"password {place.admin.password}, realm {REALM}",
            f"Screen         {web.address.home}  user {EXAMPLE_ADMIN}, password {place.password}",
            f"Metrics        http://{web.host}:{web.management_port}/metrics",
            f"Configuration  {place.config}",
            f"Try            keycloak-license --config {place.config} explain senior-agent",
            "The worker syncs every 5 seconds; Ctrl-C ends everything.",
        ]
    )
    run_sidecar(settings)


def _progress() -> Callable[[str, int, int], None]:
    said: set[str] = set()

    def show(what: str, _done: int, _total: int) -> None:
        if what not in said:
            said.add(what)
            _say(what[:1].upper() + what[1:])

    return show


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
