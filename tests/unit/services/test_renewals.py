"""Before a licence ends: who is told, and what mutes it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from keycloak_license.model.audience import NoticeTerms
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import run_once
from tests.unit.services.world import NOON, World


def test_a_renewal_that_waits_mutes_the_notice_of_the_present_licence() -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    world.import_file(world.sign_commercial(expires_on=date(2026, 5, 20)))
    world.realm.set_attributes({"license.expiry_notice_days": "30"})
    notice = "Access ends at 2026-05-21 00:00:00+02:00: import a renewal before then"
    assert world.sync().realm.warnings == (notice,)

    result = world.import_file(
        world.sign_commercial(number="C-2", starts_on=date(2026, 5, 21), expires_on=date(2027, 5, 20))
    )

    assert result.before.warnings == (notice,)
    assert result.plan.report.warnings == ()
    assert world.realm.attributes["license.stops_at"] == "2027-05-21T00:00:00+02:00"
    assert read_status(world.managed, NOON).warnings == ()
    last_day = world.sync(datetime(2026, 5, 20, 12, tzinfo=UTC)).realm
    assert not any("Access ends" in warning for warning in last_day.warnings)


def test_a_renewal_with_a_gap_before_it_mutes_nothing() -> None:
    world = World()
    world.import_file(world.sign(expires_on=date(2026, 5, 20)))
    world.realm.set_attributes({"license.expiry_notice_days": "30"})
    world.import_file(world.sign(number="T-2", starts_on=date(2026, 5, 22)))

    assert world.sync().realm.warnings == (
        "Access ends at 2026-05-21 00:00:00+02:00: import a renewal before then",
    )


def test_a_renewal_that_waits_without_activation_mutes_only_for_its_grace() -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    world.import_file(world.sign_commercial(expires_on=date(2026, 5, 20)))
    world.realm.set_attributes({"license.expiry_notice_days": "30"})
    world.import_file(
        world.sign_commercial(
            number="C-2", activation=None, issued_on=date(2026, 4, 25), starts_on=date(2026, 5, 21)
        )
    )

    (notice,) = world.sync().realm.warnings
    assert notice.startswith("Access ends at 2026-05-25 00:00:00+02:00: ")


def test_the_configured_days_count_where_the_realm_sets_none() -> None:
    world = World()
    world.import_file(world.sign(expires_on=date(2026, 5, 20)))
    managed = replace(world.managed, notice_terms=NoticeTerms(expiry_days=(30,)))

    (notice,) = run_once(managed, now=NOON).realm.warnings
    assert notice.startswith("Access ends at 2026-05-21 00:00:00+02:00: ")
    assert read_status(managed, NOON).warnings == (notice,)
    world.realm.set_attributes({"license.expiry_notice_days": "7"})
    assert run_once(managed, now=NOON).realm.warnings == ()
