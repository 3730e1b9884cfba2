"""A licence file or a ledger that is no good is told in one sentence, and nothing is written."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import (
    Site,
    ledger_rows,
    license_attributes,
    make_site,
    taken_back,
    written,
)
from tests.real.keycloak import MakeRealm
from tests.unit.license_file.forge import Vendor, content

ASKING_KEYCLOAK: tuple[tuple[str, ...], ...] = (
    ("sync",),
    ("sync", "--dry-run"),
    ("members", "WFM"),
    ("explain", "ann"),
    ("duplicates",),
)


def test_a_licence_for_an_application_that_is_not_configured_names_it(site: Site) -> None:
    for words in ((), ("--dry-run",), ("--json",)):
        sentence = site.call("import", site.license("X", {"WFM": 1, "CRM": 5}), *words).refused(4)
        assert "CRM" in sentence


NO_LICENCES: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n\n",
    "text": b"Dear customer,\nplease find attached your licence.\n",
    "JSON": b'{"number": "X", "scope": {}}',
    "binary": bytes(range(256)),
    "two dots": b"..",
    "huge": b"a" * 70_000,
}


@pytest.mark.parametrize("kind", NO_LICENCES)
def test_a_file_that_is_no_licence_is_refused(site: Site, kind: str) -> None:
    path = site.folder / "file.lic"
    path.write_bytes(NO_LICENCES[kind])

    site.call("import", path, "--json").refused(4)


def test_a_file_that_cannot_be_read_is_named(site: Site) -> None:
    for path in (site.folder / "absent.lic", site.folder):
        assert str(path) in site.call("import", path).refused(2)


FORGERIES: dict[str, Callable[[Site], bytes]] = {
    "signed with a key that is not trusted": lambda site: Vendor("stranger").file(facts()),
    "signed with another key under a trusted name": lambda site: Vendor(site.vendor.kid).file(facts()),
    "unsigned": lambda site: site.vendor.file(facts(), site.vendor.header(alg="none")),
    "signed with the public key as a password": lambda site: site.vendor.file(
        facts(), site.vendor.header(alg="HS256")
    ),
    "demanding an extension": lambda site: site.vendor.file(facts(), site.vendor.header(crit=["exp"])),
    "of an unknown format": lambda site: site.vendor.file(facts(format=2)),
    "with a duplicate key": lambda site: site.vendor.file(json.dumps(facts()).encode()[:-1] + b',"issue":9}'),
    "without seats": lambda site: site.vendor.file(facts(scope={})),
}


def facts(**changes: Any) -> dict[str, Any]:
    return content(scope={"WFM": {"seats": 1}}, **changes) if "scope" not in changes else content(**changes)


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_licence_that_is_not_genuine_is_refused(site: Site, kind: str) -> None:
    path = site.folder / "file.lic"
    path.write_bytes(FORGERIES[kind](site))

    for words in ((), ("--replace",), ("--dry-run", "--json")):
        sentence = site.call("import", path, *words).refused(4)
    if kind == "signed with a key that is not trusted":
        assert "stranger.public.pem" in sentence


def test_any_changed_byte_is_noticed(site: Site) -> None:
    path = site.license("X", {"WFM": 1})
    good = path.read_bytes()

    for place in range(0, len(good), 41):
        changed = b"A" if good[place : place + 1] != b"A" else b"B"
        path.write_bytes(good[:place] + changed + good[place + 1 :])
        site.call("import", path).refused(4)


def test_a_trusted_key_that_was_taken_away_no_longer_counts(make_realm: MakeRealm, tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", make_realm({"roles": {"realm": [{"name": "WFM_AGENT"}]}}))
    site.configure(applications={"WFM": {"roles": ["WFM_*"]}}).init().done()
    site.call("import", site.license("X", {"WFM": 1})).done()

    next(site.keys.iterdir()).unlink()

    assert site.status()["license"]["state"] == "NONE"
    outcome = site.call("sync").done()
    assert any("X" in warning and site.vendor.kid in warning for warning in outcome.warnings)
    assert license_attributes(site.realm)["license.access"] == "blocked"


@pytest.fixture
def synced(site: Site) -> Iterator[Site]:
    """A site that has a ledger, with something for the next sync to write to it and to the realm."""
    bob, role = site.realm.user_id("bob"), site.realm.get("/roles/WFM_AGENT")
    with taken_back(site):
        site.realm.delete(f"/users/{bob}/role-mappings/realm", [role])
        site.call("sync").done()
        site.realm.post(f"/users/{bob}/role-mappings/realm", [role])
        yield site


def refused_by_the_ledger(site: Site, *words: str | Path) -> str:
    """The sentence of a command that could not use the ledger, and that changed nothing."""
    before = written(site)
    sentence = site.call(*words).refused(3)
    assert written(site) == before
    return sentence


def test_a_locked_ledger_is_waited_for_and_then_told(synced: Site) -> None:
    attributes = license_attributes(synced.realm)
    with closing(sqlite3.connect(synced.ledger, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        sentence = synced.run("sync", "--json").refused(3)
        somebody.execute("ROLLBACK")

    assert "locked" in sentence
    assert license_attributes(synced.realm) == attributes
    assert synced.usage() == (0, 0, 1)


def test_a_read_only_ledger_is_told_and_can_be_read(synced: Site) -> None:
    attributes = license_attributes(synced.realm)
    rows = ledger_rows(synced)
    synced.configure(database=f"sqlite:///file:{synced.ledger}?mode=ro&uri=true")

    assert "read-only" in synced.call("sync").refused(3)
    assert "read-only" in synced.call("import", synced.license("X", {"WFM": 1})).refused(3)
    for words in (("status",), ("sync", "--dry-run"), ("explain", "ann")):
        synced.call(*words).done()

    assert (license_attributes(synced.realm), ledger_rows(synced)) == (attributes, rows)


def test_a_ledger_of_a_newer_version_is_told_by_every_command(synced: Site) -> None:
    with closing(sqlite3.connect(synced.ledger)) as connection:
        connection.execute("UPDATE keycloak_license_version SET version_num = '9999'")
        connection.commit()

    for words in (*ASKING_KEYCLOAK, ("status",), ("import", synced.license("X", {"WFM": 1}))):
        assert "newer version" in refused_by_the_ledger(synced, *words)


def test_a_file_that_is_no_ledger_is_told(site: Site) -> None:
    (site.folder / "letter.db").write_bytes(b"Dear customer, this is not a database. " * 100)

    for words in (("sync",), ("status",)):
        sentence = site.configure(database="sqlite:///letter.db").call(*words).refused(3)
        assert "letter.db" in sentence


def test_a_ledger_in_a_folder_that_cannot_be_made_is_told(site: Site) -> None:
    (site.folder / "file").write_text("")

    assert "file/ledger.db" in site.configure(database="sqlite:///file/ledger.db").call("sync").refused(3)
