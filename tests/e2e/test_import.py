"""Importing a licence into a real realm, and what everybody can read there afterwards."""

import shutil

from tests.e2e.cli import (
    application,
    call,
    day,
    ledger_rows,
    license_attributes,
    written,
)
from tests.e2e.crew import Crew, standing


def test_without_a_licence_nobody_has_access_and_everybody_waits(crew: Crew) -> None:
    crew.hire("ann", "bob")

    assert standing(crew.site) == ("NONE", "blocked", "no_license", None)
    assert crew.site.usage() == (0, 0, 2)
    absent = {"file", "number", "type", "customer", "issued_on", "expires_on", "stops_at"}
    assert not {f"license.{key}" for key in absent} & set(license_attributes(crew.site.realm))


def test_a_temporary_licence_counts_at_once(crew: Crew) -> None:
    crew.hire("ann", "bob")

    text = crew.give(2).done().stdout

    assert standing(crew.site) == ("OK", "granted", "temporary", "CREW")
    assert crew.site.usage() == (2, 2, 0)
    assert "CREW" in text
    # Exactly at the limit is not over it.
    assert license_attributes(crew.site.realm)["license.WFM.usage"] == "100%"


def test_a_licence_that_a_vendor_issued_is_imported(crew: Crew) -> None:
    site = crew.site
    vendor = site.folder / "vendor"
    key, file = vendor / "north.private.pem", vendor / "WFM 2027.lic"
    crew.hire("ann", "bob")
    call("vendor", "keygen", "--out", vendor, "--kid", "north").done()
    issue = ("vendor", "issue", "--key", key, "--number", "N-1", "--type", "temporary", "--customer", "Acme")
    call(*issue, "--seats", "WFM=1", "QM=unlimited", "--expires", day(60), "--out", file).done()

    sentence = site.call("import", file).refused(4)
    assert "north.public.pem" in sentence

    shutil.copy(vendor / "north.public.pem", site.keys)
    assert site.call("vendor", "inspect", file, "--json").document["signature"] == "holds"
    site.call("import", file).done()
    assert site.usage("WFM") == (1, 1, 1)
    assert site.usage("QM") == (None, 0, 0)


def test_an_expired_licence_is_imported_and_blocks(crew: Crew) -> None:
    crew.hire("ann")

    crew.give(2, issued_on=day(-40), starts_on=day(-40), expires_on=day(-1)).done()

    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "CREW")
    assert license_attributes(crew.site.realm)["license.stops_at"] == f"{day(0)}T00:00:00+00:00"


def test_the_expiration_date_is_the_last_day_of_access(crew: Crew) -> None:
    crew.give(2, expires_on=day(0)).done()

    assert standing(crew.site) == ("OK", "granted", "temporary", "CREW")


def test_the_days_of_a_licence_are_days_in_the_time_zone_of_the_realm(crew: Crew) -> None:
    site = crew.site
    site.configure(realms={site.realm.name: {"time_zone": "Pacific/Kiritimati"}})

    crew.give(2, expires_on="2027-06-30").done()

    assert license_attributes(site.realm)["license.stops_at"] == "2027-07-01T00:00:00+14:00"


def test_another_licence_is_refused_unless_replacing_is_asked_for(crew: Crew) -> None:
    crew.hire("ann", "bob")
    crew.give(2, "OLD").done()
    before = written(crew.site)

    sentence = crew.give(5, "NEW").refused(4)

    assert written(crew.site) == before
    assert "NEW" in sentence
    assert "OLD" in sentence
    assert "--replace" in sentence
    assert crew.give(5, "NEW", "--json").refused(4) == sentence

    crew.give(5, "NEW", "--replace").done()
    assert standing(crew.site) == ("OK", "granted", "temporary", "NEW")
    assert crew.site.usage() == (5, 2, 0)


def test_at_a_terminal_replacing_is_asked_about_and_who_loses_a_seat_is_told_before(crew: Crew) -> None:
    crew.hire("ann", "bob")
    crew.give(2, "OLD").done()
    before = written(crew.site)
    file = crew.site.license("NEW", {"WFM": 1})

    refused = crew.site.answer("import", file, question="[y/N]", answer="n")

    assert refused.status == 4
    assert "OLD" in refused.stderr
    shown_before_the_question = refused.stdout + refused.stderr.partition("[y/N]")[0]
    assert "bob" in shown_before_the_question
    assert written(crew.site) == before

    replaced = crew.site.answer("import", file, question="[y/N]", answer="y").done()
    assert "bob" in replaced.stdout
    assert standing(crew.site) == ("OK", "granted", "temporary", "NEW")
    assert crew.site.members() == [("ann", "seated", None), ("bob", "waiting", 1)]


def test_at_a_terminal_json_is_one_document_too(crew: Crew) -> None:
    crew.give(2, "OLD").done()
    file = crew.site.license("NEW", {"WFM": 1})

    outcome = crew.site.answer("import", file, "--json", question="[y/N]", answer="y")

    assert outcome.document["replaces"] == ["OLD"]


def test_replacing_by_an_expired_licence_takes_the_good_one_out_of_force(crew: Crew) -> None:
    crew.give(2, "GOOD").done()

    crew.give(2, "LATE", "--replace", issued_on=day(-40), starts_on=day(-40), expires_on=day(-1)).done()

    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "LATE")


def test_the_same_file_again_changes_nothing(crew: Crew) -> None:
    crew.hire("ann")
    crew.give(2).done()
    before = written(crew.site)
    path = crew.site.folder / "CREW.lic"

    crew.site.call("import", path).done()
    document = crew.site.call("import", path, "--json").document

    assert written(crew.site) == before
    assert document["before"] == document["after"]
    assert document["changes"] == []


def test_what_an_import_reports_as_changed_has_changed(crew: Crew) -> None:
    """Also when the very same file was in force already and a user came since."""
    crew.give(2).done()
    realm = crew.site.realm
    role = realm.get("/roles/WFM_AGENT")
    realm.post(f"/users/{realm.user_id('ann')}/role-mappings/realm", [role])

    document = crew.site.call("import", crew.site.folder / "CREW.lic", "--json").document

    reported = {change["username"] for change in document["changes"] if change["kind"] == "seat_assigned"}
    assert reported == {row[3] for row in ledger_rows(crew.site) if row[0] == "claims"}


def test_an_older_issue_of_a_licence_is_refused(crew: Crew) -> None:
    crew.give(5, issue=3).done()
    before = written(crew.site)

    sentence = crew.give(9, "CREW", "--replace", issue=2).refused(4)

    assert "2" in sentence
    assert "3" in sentence
    assert written(crew.site) == before


def test_a_licence_for_later_takes_nothing_from_the_one_in_force(crew: Crew) -> None:
    crew.hire("ann")
    crew.give(2, "NOW").done()

    crew.give(9, "LATER", starts_on=day(5), expires_on=day(400)).done()

    assert standing(crew.site) == ("OK", "granted", "temporary", "NOW")
    crew.site.call("sync").done()
    assert crew.site.usage() == (2, 1, 0)


def test_a_dry_run_shows_before_after_and_changes_and_writes_nothing(crew: Crew) -> None:
    crew.hire("ann", "bob", "cid")
    crew.give(3).done()
    before = written(crew.site)

    document = crew.give(1, "LESS", "--dry-run", "--json").document
    text = crew.give(1, "LESS", "--dry-run").done().stdout

    assert written(crew.site) == before
    assert application({"applications": document["before"]}, "WFM")["used"] == 3
    after = application({"applications": document["after"]}, "WFM")
    assert (after["seats"], after["used"], after["waiting"]) == (1, 1, 2)
    lost = {c["username"] for c in document["changes"] if c["kind"].startswith("seat_")}
    assert lost == {"bob", "cid"}
    for shown in ("Before", "After", "bob", "cid"):
        assert shown in text


def test_a_ledger_that_is_gone_is_made_again_from_the_realm(crew: Crew) -> None:
    crew.hire("ann")
    crew.give(2).done()
    installation = license_attributes(crew.site.realm)["license.installation_id"]
    for file in crew.site.folder.glob("ledger.db*"):
        file.unlink()

    crew.site.call("sync").done()

    assert standing(crew.site) == ("OK", "granted", "temporary", "CREW")
    assert crew.site.usage() == (2, 1, 0)
    assert crew.site.status()["installation_id"] == installation


def test_attributes_that_another_tool_wiped_are_back_after_the_next_sync(crew: Crew) -> None:
    crew.hire("ann")
    crew.give(2).done()
    before = license_attributes(crew.site.realm)
    crew.site.realm.put("", {"attributes": {"acme.colour": "red"}})

    crew.site.call("sync").done()

    assert license_attributes(crew.site.realm) == before
    assert crew.site.realm.get()["attributes"]["acme.colour"] == "red"
