"""A realm in which the next sync has much to write, and the ledger of before it, for one site after another.

In: a Keycloak and where the ledger is to be; out: sites that all begin at the same point, what ledger and
realm hold, and the command as a process. Used by the tests of ledgers that fail.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from keycloak_license.ledger.store import open_ledger
from tests.e2e.cli import HANG_SECONDS, Outcome, Site, license_attributes, make_site
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

AGENTS = tuple(f"agent{number:03}" for number in range(300))
EXPERTS = ("ann", "bob", "cid")
APPLICATIONS = {"QM": {"roles": ["QM_*"]}, "WFM": {"roles": ["WFM_*"]}}
SYNC = {"interval_seconds": 1, "lease_seconds": 1}
"""Who dies holds nobody up for long."""


@dataclass(frozen=True)
class Scene:
    """Three experts for two seats; three hundred agents, whom the ledger does not know, for 250."""

    realm: RealRealm
    unlicensed: dict[str, str]
    """The realm's attributes before the licence was imported."""
    attributes: dict[str, str]
    """The same after."""
    first: Site
    """Where it was."""

    def begin(self, folder: Path, url: str, *, is_new: bool = False) -> Site:
        """A new installation with its ledger at that URL, and the realm as it was."""
        self.realm.put("", {"attributes": self.unlicensed if is_new else self.attributes})
        site = make_site(folder, self.realm, applications=APPLICATIONS, sync=SYNC)
        site.vendor = self.first.vendor
        shutil.copytree(self.first.keys, site.keys, dirs_exist_ok=True)
        return move_ledger(site, url)


@contextmanager
def temporary_scene(api: AdminApi, folder: Path, url: str) -> Iterator[Scene]:
    """Make the realm, and the ledger at that URL."""
    people = [
        {"username": name, "enabled": True, "createdTimestamp": 1_700_000_000_000 + place}
        | ({"realmRoles": ["QM_EXPERT"]} if name in EXPERTS else {"groups": ["/AGENTS"]})
        for place, name in enumerate((*EXPERTS, *AGENTS))
    ]
    representation = {
        "users": people,
        "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_EXPERT"}]},
        "groups": [{"name": "AGENTS"}],
    }
    with temporary_realm(api, representation) as realm:
        site = move_ledger(make_site(folder, realm, applications=APPLICATIONS, sync=SYNC), url)
        site.init().done()
        unlicensed = realm.get()["attributes"]
        site.run("import", site.license("L-1", {"QM": 2, "WFM": 250})).done()
        realm.post(
            f"/groups/{realm.group_id('/AGENTS')}/role-mappings/realm", [realm.get("/roles/WFM_AGENT")]
        )
        yield Scene(realm, unlicensed, realm.get()["attributes"], site)


def move_ledger(site: Site, url: str) -> Site:
    """Let the site have its ledger at that URL."""
    site.settings["database"] = url
    return site.configure()


def content(site: Site) -> object:
    """All that ledger and realm know, but for the note that a sync failed."""
    name = site.realm.name
    with closing(open_ledger(site.settings["database"])) as ledger:
        record = replace(ledger.load(name), failure=None)
        return record, ledger.seat_events(name), license_attributes(site.realm)


def outline(site: Site) -> object:
    """The same without instants, and in an order that does not come from them."""
    name = site.realm.name
    with closing(open_ledger(site.settings["database"])) as ledger:
        record, events = ledger.load(name), ledger.seat_events(name)
    claims = [(each.application, each.username, each.is_seated) for each in record.claims]
    told = sorted((each.application, each.username, each.kind) for each in events)
    return claims, told, [each.number for each in record.licenses], license_attributes(site.realm)


@contextmanager
def unchanged(site: Site) -> Iterator[None]:
    """Hold that nothing is written inside the block."""
    before = content(site)
    yield
    assert content(site) == before


class Program:
    """A context manager: the command as a process that goes on beside the test."""

    def __init__(
        self, site: Site, *words: str, before: tuple[str, ...] = (), start: tuple[str, ...] = ()
    ) -> None:
        command = [*before, sys.executable, *(start or ("-m", "keycloak_license"))]
        self._command = [*command, "--config", str(site.config), *words]
        self._folder = site.folder

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ended(self) -> Outcome:
        stdout, stderr = self.process.communicate(timeout=HANG_SECONDS)
        return Outcome(self.process.returncode, stdout, stderr)
