"""Several keys are trusted at once; a retired one keeps what it signed, a revoked one does not."""

import pytest

from tests.e2e.cli import Site, license_attributes, written
from tests.e2e.crew import Crew, standing
from tests.e2e.desk import Desk, activate, listed, seated


@pytest.fixture
def newer(desk: Desk) -> Desk:
    """The same vendor with a second key, not yet handed out."""
    return Desk(desk.folder, "v2").open_for()


@pytest.fixture
def licensed(crew: Crew, desk: Desk) -> Crew:
    """A licence by v1 is activated; eve has the one seat, and ann waits."""
    activate(crew.site, desk, desk.issue("C-1", "WFM=1"))
    crew.hire("eve")
    crew.hire("ann")
    return crew


def mark(site: Site, name: str) -> None:
    (site.keys / name).touch()


def test_two_keys_are_trusted_at_once(licensed: Crew, newer: Desk) -> None:
    site = licensed.site
    over = newer.issue("T-1", "WFM=2", type="temporary")
    assert "v2.public.pem" in site.call("import", over).refused(4)

    newer.open_for(site)
    site.call("import", over).done()

    assert standing(site) == ("OK", "granted", "temporary", "T-1")
    assert [each[4] for each in listed(site)] == ["replaced", "overlaid", "temporary"]
    assert "v1, v2" in site.call("doctor").done().stdout


def test_a_retired_key_keeps_what_was_imported_and_brings_nothing_new(
    licensed: Crew, desk: Desk, newer: Desk
) -> None:
    site = licensed.site
    newer.open_for(site)
    before = written(site)[0]
    mark(site, "v1.retired")

    assert site.call("sync", "--json").document["changes"] == []
    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert "retired v1" in site.call("doctor").done().stdout
    for words in ((), ("--replace",), ("--dry-run",)):
        sentence = site.call("import", desk.issue("C-2", "WFM=9"), *words).refused(4)
        assert "v1" in sentence
        assert "retired" in sentence
    assert written(site)[0] == before

    site.call("import", newer.issue("C-3", "WFM=1"), "--replace").done()
    assert standing(site) == ("NOT_ACTIVATED", "granted", "grace", "C-3")
    assert seated(site) == {"eve"}


def test_with_a_retired_key_the_file_in_force_is_still_known_and_comes_back_after_a_loss(
    licensed: Crew,
) -> None:
    site = licensed.site
    mark(site, "v1.retired")
    file = site.folder / "in-force.lic"
    file.write_text(license_attributes(site.realm)["license.file"])
    assert "imported before" in site.call("import", file).done().stdout

    for lost in site.folder.glob("ledger.db*"):
        lost.unlink()
    site.call("sync").done()

    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert seated(site) == {"eve"}


def test_a_vendor_activates_with_a_new_key_what_a_retired_one_signed(
    crew: Crew, desk: Desk, newer: Desk
) -> None:
    site = crew.site
    newer.open_for(site)
    file = desk.issue("C-1")
    site.call("import", file).done()
    mark(site, "v1.retired")
    key = site.call("activation-key").done().stdout.strip()
    out = desk.folder / "active.lic"
    words = (
        "vendor",
        "activate",
        "--key",
        newer.key,
        "--license",
        file,
        "--activation-key",
        key,
        "--out",
        out,
    )
    assert "--keys" in site.call(*words).refused(4)

    site.call(*words, "--keys", site.keys).done()

    site.call("import", out, "--replace").done()
    assert standing(site) == ("OK", "granted", "active", "C-1")


def test_what_a_revoked_key_signed_does_not_count_and_nobody_loses_his_seat(licensed: Crew) -> None:
    site = licensed.site
    attributes, members = license_attributes(site.realm), site.members()
    mark(site, "v1.revoked")

    warnings = site.call("sync", "--json").document["warnings"]

    assert standing(site) == ("NONE", "blocked", "no_license", None)
    [warning] = [each for each in warnings if "v1" in each]
    assert "revoked" in warning
    assert "C-1" in warning
    assert warning in site.status()["warnings"]
    assert site.members() == members
    assert seated(site) == {"eve"}
    assert ("C-1", 1, "NONE", False, "not_verified") in listed(site)
    assert "revoked v1" in site.call("doctor").stdout

    (site.keys / "v1.revoked").unlink()
    site.call("sync").done()
    assert license_attributes(site.realm) == attributes
    assert site.members() == members


@pytest.mark.parametrize("kind", ["commercial", "temporary"])
def test_after_a_revocation_a_file_of_another_key_finds_the_same_people(
    licensed: Crew, newer: Desk, kind: str
) -> None:
    site = licensed.site
    newer.open_for(site)
    mark(site, "v1.revoked")
    site.call("sync").done()
    licensed.hire("bob")

    site.call("import", newer.issue("N-1", "WFM=1", type=kind), "--replace").done()

    assert standing(site)[1] == "granted"
    assert site.members() == [("eve", "seated", None), ("ann", "waiting", 1), ("bob", "waiting", 2)]


def test_a_revoked_file_is_inspected_and_said_not_to_count(licensed: Crew, desk: Desk) -> None:
    file = desk.issue("C-9")
    mark(licensed.site, "v1.revoked")

    outcome = licensed.site.call("vendor", "inspect", file)

    assert outcome.status == 4
    assert "C-9" in outcome.stdout
    assert "revoked" in outcome.stderr


def test_a_key_that_is_gone_is_named_and_comes_back(licensed: Crew, desk: Desk) -> None:
    site = licensed.site
    members = site.members()
    (site.keys / "v1.public.pem").unlink()

    warnings = site.call("sync", "--json").document["warnings"]

    assert standing(site) == ("NONE", "blocked", "no_license", None)
    assert any("v1.public.pem" in warning for warning in warnings)
    assert site.members() == members
    desk.open_for(site)
    site.call("sync").done()
    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert site.members() == members


def test_a_marker_with_a_wrong_name_stops_everything_that_needs_keys(licensed: Crew, desk: Desk) -> None:
    """Overlooked, the key that was meant would go on to be trusted."""
    site = licensed.site
    before = written(site)
    mark(site, "v1.public.pem.revoked")

    for words in (("sync",), ("status",), ("import", desk.issue("C-2"), "--replace"), ("licenses",)):
        assert "v1.public.pem.revoked" in site.call(*words).refused(2)

    assert written(site) == before
