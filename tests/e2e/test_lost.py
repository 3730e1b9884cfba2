"""The ledger is lost, or the realm's attributes, or both: what comes back and what cannot."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from uuid import UUID

import pytest

from tests.e2e.cli import Site, license_attributes, written
from tests.e2e.crew import Crew, standing
from tests.e2e.desk import Desk, activate, activation_key, listed, seated
from tests.real.postgres import PostgresServer, postgres

INSTALLATION_ID = "license.installation_id"
FOREIGN = {
    "acme.colour": "red",
    "license.remarks": "not ours",
    "license.expiry_notice_days": "7",
    "license.WFM.owner": "not ours either",
}


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


Forget = Callable[[], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def lose_ledger(crew: Crew, request: pytest.FixtureRequest) -> Forget:
    """Takes the ledger away; the site has it in a file or on a server."""
    if request.param == "sqlite":
        return lambda: remove_ledger(crew.site)
    server: PostgresServer = request.getfixturevalue("postgres_server")

    def start_empty() -> None:
        crew.site.settings["database"] = server.create_database()
        crew.site.configure()

    start_empty()
    return start_empty


def remove_ledger(site: Site) -> None:
    for file in site.folder.glob("ledger.db*"):
        file.unlink()


def put_attributes(site: Site, attributes: dict[str, str]) -> None:
    site.realm.put("", {"attributes": attributes})


@contextmanager
def foreign_attributes(site: Site) -> Iterator[None]:
    """Others keep their own in the realm; inside the block all of them must stay."""
    put_attributes(site, site.realm.get()["attributes"] | FOREIGN)
    try:
        yield
        attributes = site.realm.get()["attributes"]
        assert {name: attributes.get(name) for name in FOREIGN} == FOREIGN
    finally:
        kept = {name: value for name, value in site.realm.get()["attributes"].items() if name not in FOREIGN}
        put_attributes(site, kept)


def test_without_its_ledger_a_realm_has_the_same_people_licence_and_installation(
    crew: Crew, desk: Desk, lose_ledger: Forget
) -> None:
    """They came in the opposite order of their accounts, so the accounts tell nothing."""
    activate(crew.site, desk, desk.issue("C-1", "WFM=2", "QM=1"))
    for name in ("eve", "dan", "cid", "ann", "bob"):
        crew.hire(name)
    crew.hire("eve", role="QM_AGENT")
    crew.hire("ann", role="QM_AGENT")
    people = {application: crew.site.members(application) for application in ("WFM", "QM")}
    attributes = license_attributes(crew.site.realm)
    assert people["WFM"][:3] == [("eve", "seated", None), ("dan", "seated", None), ("cid", "waiting", 1)]

    lose_ledger()
    document = crew.site.call("sync", "--json").document

    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    for application in ("WFM", "QM"):
        assert sorted(crew.site.members(application)) == sorted(people[application])
    assert crew.site.status()["installation_id"] == attributes[INSTALLATION_ID]
    assert license_attributes(crew.site.realm) == attributes
    assert not [change for change in document["changes"] if change["kind"].startswith("attribute")]
    assert listed(crew.site) == [("C-1", 1, "OK", True, "active")]
    # And it goes on from there.
    crew.fire("eve")
    assert [name for name, _, _ in crew.site.members()] == ["dan", "cid", "ann", "bob"]


def test_a_preview_before_the_first_sync_of_a_lost_ledger_shows_the_same_people(
    crew: Crew, desk: Desk
) -> None:
    activate(crew.site, desk, desk.issue("C-1", "WFM=1"))
    for name in ("eve", "ann"):
        crew.hire(name)
    people = crew.site.members()
    remove_ledger(crew.site)
    before = license_attributes(crew.site.realm)

    assert crew.site.members() == people
    document = crew.site.call("sync", "--dry-run", "--json").document

    assert document["license"]["reason"] == "active"
    assert license_attributes(crew.site.realm) == before
    assert crew.site.call("status", "--json").document["synced_at"] is None


def test_an_import_into_a_lost_ledger_still_asks_before_it_replaces(crew: Crew, desk: Desk) -> None:
    activate(crew.site, desk, desk.issue("C-1", "WFM=1"))
    for name in ("eve", "ann"):
        crew.hire(name)
    remove_ledger(crew.site)

    sentence = crew.site.call("import", desk.issue("C-2", "WFM=2")).refused(4)
    assert "C-1" in sentence
    older = desk.issue("C-1", "WFM=1")
    assert "activated" in crew.site.call("import", older, "--replace").refused(4)

    crew.site.run("import", desk.issue("C-2", "WFM=1"), "--replace").done()
    assert seated(crew.site) == {"eve"}
    assert [each[0] for each in listed(crew.site)] == ["C-1", "C-2"]


def test_a_new_account_between_the_last_sync_and_the_loss_takes_nobodys_seat(crew: Crew, desk: Desk) -> None:
    activate(crew.site, desk, desk.issue("C-1", "WFM=2"))
    for name in ("dan", "cid", "ann"):
        crew.hire(name)
    remove_ledger(crew.site)

    crew.hire("eve")

    assert seated(crew.site) == {"dan", "cid"}


def test_a_ledger_from_a_backup_takes_the_newer_file_of_its_licence_back(crew: Crew, desk: Desk) -> None:
    crew.hire("eve", "ann")
    inactive = desk.issue("C-1")
    crew.site.call("import", inactive).done()
    backup = crew.site.folder / "backup.db"
    # A copy of the file alone would lack what SQLite keeps beside it.
    with closing(sqlite3.connect(crew.site.ledger)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    active = desk.activate(inactive, activation_key(crew.site))
    crew.site.call("import", active, "--replace").done()

    remove_ledger(crew.site)
    backup.rename(crew.site.ledger)
    assert listed(crew.site) == [("C-1", 1, "NOT_ACTIVATED", True, "grace")]
    crew.site.call("sync").done()

    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    assert license_attributes(crew.site.realm)["license.file"] == active.read_text().strip()
    assert seated(crew.site) == {"eve", "ann"}


def test_attributes_from_a_backup_bring_no_older_licence_back(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("C-1")).done()
    earlier = crew.site.realm.get()["attributes"]
    activate(crew.site, desk, desk.issue("C-1", issue_number=2))
    before = license_attributes(crew.site.realm)

    put_attributes(crew.site, earlier)
    crew.site.call("sync").done()

    assert license_attributes(crew.site.realm) == before
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")


@pytest.mark.parametrize("nonsense", [None, "<b>ě</b>, \\u0000;" * 50])
def test_attributes_that_were_removed_or_overwritten_are_back_after_the_next_sync(
    crew: Crew, desk: Desk, nonsense: str | None
) -> None:
    activate(crew.site, desk, desk.issue("C-1", "WFM=1", "QM=unlimited"))
    for name in ("eve", "ann"):
        crew.hire(name)
    before, rows = written(crew.site)
    with foreign_attributes(crew.site):
        ours = license_attributes(crew.site.realm).keys() - FOREIGN.keys()
        attributes = crew.site.realm.get()["attributes"]
        spoilt = {name: nonsense for name in ours if nonsense and name != INSTALLATION_ID}
        kept = {name: value for name, value in attributes.items() if name not in ours}
        identity = {INSTALLATION_ID: attributes[INSTALLATION_ID]} if nonsense else {}
        put_attributes(crew.site, kept | spoilt | identity)

        crew.site.call("sync").done()

        after = {n: v for n, v in license_attributes(crew.site.realm).items() if n not in FOREIGN}
        assert after == before
    crew.site.call("sync").done()
    claims = [row for row in rows if row[0] == "claims"]
    assert [row for row in written(crew.site)[1] if row[0] == "claims"] == claims


def test_attributes_in_our_name_that_nobody_needs_are_removed(crew: Crew, desk: Desk) -> None:
    activate(crew.site, desk, desk.issue("C-1"))
    before = license_attributes(crew.site.realm)
    stale = {"license.OLD.used": "3", "license.OLD.queue": "x,y", "license.WFM.queue": "x"}
    put_attributes(crew.site, crew.site.realm.get()["attributes"] | stale)

    crew.site.call("sync").done()

    assert license_attributes(crew.site.realm) == before


@pytest.mark.parametrize("nonsense", ["", "nobody,,{}," * 300])
def test_a_lost_ledger_and_a_queue_of_nonsense_give_seats_in_the_order_of_accounts(
    crew: Crew, desk: Desk, nonsense: str
) -> None:
    activate(crew.site, desk, desk.issue("C-1", "WFM=2"))
    crew.hire("eve", "dan", "ann")
    remove_ledger(crew.site)
    put_attributes(crew.site, crew.site.realm.get()["attributes"] | {"license.WFM.queue": nonsense})

    crew.site.call("sync").done()

    assert seated(crew.site) == {"ann", "dan"}
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")


def test_a_lost_ledger_and_a_licence_file_of_nonsense_leave_a_warning_and_the_file(
    crew: Crew, desk: Desk
) -> None:
    activate(crew.site, desk, desk.issue("C-1"))
    crew.hire("eve")
    remove_ledger(crew.site)
    put_attributes(crew.site, crew.site.realm.get()["attributes"] | {"license.file": "nonsense"})

    document = crew.site.call("sync", "--json").document

    assert (document["license"]["state"], document["license"]["reason"]) == ("NONE", "no_license")
    assert any("attributes" in warning for warning in document["warnings"])
    assert license_attributes(crew.site.realm)["license.file"] == "nonsense"

    # An import takes its place, and loses nothing.
    crew.site.call("import", desk.issue("C-2")).done()
    assert license_attributes(crew.site.realm)["license.standby_files"] == "nonsense"


def test_with_both_lost_it_is_a_new_installation_without_a_licence(crew: Crew, desk: Desk) -> None:
    active = activate(crew.site, desk, desk.issue("C-1"))
    crew.hire("eve")
    crew.hire("ann")
    installation = license_attributes(crew.site.realm)[INSTALLATION_ID]
    with foreign_attributes(crew.site):
        attributes = crew.site.realm.get()["attributes"]
        ours = license_attributes(crew.site.realm).keys() - FOREIGN.keys()
        put_attributes(crew.site, {name: value for name, value in attributes.items() if name not in ours})
        remove_ledger(crew.site)

        crew.site.call("sync").done()

    assert standing(crew.site) == ("NONE", "blocked", "no_license", None)
    found = license_attributes(crew.site.realm)[INSTALLATION_ID]
    assert UUID(found)
    assert found != installation
    assert crew.site.members() == [("ann", "waiting", 1), ("eve", "waiting", 2)]

    crew.site.call("import", active).done()
    assert standing(crew.site) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")


def test_init_after_a_loss_of_the_attributes_takes_the_id_of_the_ledger(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("C-1")).done()
    installation = crew.site.status()["installation_id"]
    attributes = crew.site.realm.get()["attributes"]
    ours = license_attributes(crew.site.realm)
    put_attributes(crew.site, {name: value for name, value in attributes.items() if name not in ours})

    crew.site.init().done()

    assert license_attributes(crew.site.realm)[INSTALLATION_ID] == installation
    assert UUID(installation)
    crew.site.call("sync").done()
    assert standing(crew.site) == ("NOT_ACTIVATED", "granted", "grace", "C-1")
