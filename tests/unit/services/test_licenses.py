from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from keycloak_license.errors import LicenseRefusedError, UnavailableError
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.license import License, LicenseType, Reason
from keycloak_license.model.record import StoredLicense
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import
from keycloak_license.services.ports import BeforeWrite
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.unit.services.world import NOON, World, told


def never_asked(_: LicenseImport) -> bool:
    raise AssertionError("there was nothing to confirm")


def import_unasked(world: World, license_: License, now: datetime = NOON) -> LicenseImport:
    return import_license(world.managed, license_.file.encode(), never_asked, lambda: now)


def numbers(licenses: Sequence[StoredLicense]) -> list[str]:
    return [each.number for each in licenses]


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_the_first_licence_is_imported_unasked_and_counts_at_once() -> None:
    world = World()
    world.agents("anna", "boris")
    license_ = world.sign()

    result = import_unasked(world, license_)

    assert (result.license, result.replaced, result.is_known) == (license_, (), False)
    assert result.before.standing.reason is Reason.NO_LICENSE
    assert result.plan.report.standing.reason is Reason.TEMPORARY
    assert world.seated() == ["anna"]
    assert world.realm.attributes["license.file"] == license_.file


def test_a_preview_says_the_same_and_changes_nothing() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(scope={"WFM": 2}))
    smaller = world.sign(number="T-2", scope={"WFM": 1})
    before = world.everything()

    preview = preview_import(world.managed, smaller.file.encode(), lambda: NOON)

    assert world.everything() == before
    assert numbers(preview.replaced) == ["T-1"]
    assert [(usage.seats, usage.used) for usage in preview.before.applications] == [(2, 2), (0, 0)]
    assert [(usage.seats, usage.used) for usage in preview.plan.report.applications] == [(1, 1), (0, 0)]
    assert told(preview.plan.changes) == [("seat_released", "boris", "limit_reduced")]
    assert world.import_file(smaller) == preview


def test_the_file_in_force_is_recognised_and_changes_nothing() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.agents("anna")
    before = world.everything()

    result = import_unasked(world, license_, NOON + timedelta(days=3))

    assert result.is_known
    assert result.replaced == ()
    assert world.everything() == before


def test_a_new_licence_replaces_the_old_one_when_that_is_confirmed() -> None:
    world = World()
    world.import_file(world.sign())
    asked: list[LicenseImport] = []

    def confirm(result: LicenseImport) -> bool:
        asked.append(result)
        return True

    import_license(world.managed, world.sign(number="T-2").file.encode(), confirm, lambda: NOON)

    assert [numbers(result.replaced) for result in asked] == [["T-1"]]
    assert world.in_force() == [("T-2", 1)]
    assert world.ledger.load("acme").licenses[0].replaced_at == NOON


def test_a_replaced_licence_no_longer_counts_nor_warns_whatever_its_dates() -> None:
    world = World()
    old = world.sign(starts_on=date(2026, 4, 1), scope={"WFM": 9})
    world.import_file(old)
    new = world.sign(number="T-2", starts_on=date(2026, 1, 1))
    world.import_file(new)
    world.verifier.distrust(old)
    report = world.sync().realm

    assert report.standing.license == new
    assert report.warnings == ()


def test_without_confirmation_nothing_changes_and_the_way_is_told() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(scope={"WFM": 2}))
    world.agents("cyril")
    before = world.everything()

    with pytest.raises(LicenseRefusedError, match=r"T-2 was not imported .* replace T-1 .*--replace"):
        world.import_file(world.sign(number="T-2", scope={}), confirmed=False)
    assert world.everything() == before


def test_a_file_that_is_not_genuine_is_refused_before_anything_is_read() -> None:
    world = World()
    before = world.everything()

    with pytest.raises(LicenseRefusedError):
        import_license(world.managed, b"forged", never_asked, lambda: NOON)
    assert world.everything() == before
    assert world.realm.reads == 0


def test_a_licence_for_an_application_that_is_not_configured_is_refused_by_name() -> None:
    world = World()
    license_ = world.sign(scope={"WFM": 1, "SR": 2, "AN": None})
    before = world.everything()

    with pytest.raises(LicenseRefusedError, match=r"AN, SR.*it has QM, WFM.*under applications"):
        import_unasked(world, license_)
    assert world.everything() == before


def test_an_older_issue_is_refused_also_when_the_newer_one_is_no_longer_in_force() -> None:
    world = World()
    world.import_file(world.sign(issue=3))
    world.import_file(world.sign(number="T-2"))
    before = world.everything()

    with pytest.raises(LicenseRefusedError, match=r"Issue 2 of licence T-1 is older than issue 3"):
        world.import_file(world.sign(issue=2))
    assert world.everything() == before


def test_a_newer_or_equal_issue_is_welcome() -> None:
    world = World()
    world.import_file(world.sign(issue=3))
    world.import_file(world.sign(issue=3, scope={"WFM": 9}))
    world.import_file(world.sign(issue=4))

    assert world.in_force() == [("T-1", 4)]


def test_a_genuine_licence_is_never_refused_for_usage() -> None:
    world = World()
    world.agents("anna", "boris", "cyril")
    world.import_file(world.sign(scope={"WFM": 3}))
    world.import_file(world.sign(number="T-2", scope={"WFM": 0}))

    assert world.seated() == []
    world.import_file(world.sign(number="T-3", scope={"WFM": 2}))
    assert world.seated() == ["anna", "boris"]


def test_an_expired_licence_replaces_too_and_blocks_without_taking_a_seat() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign())
    result = world.import_file(world.sign(number="T-2", scope={}, expires_on=date(2026, 4, 1)))

    assert result.plan.report.standing.reason is Reason.EXPIRED
    assert world.in_force() == [("T-2", 1)]
    assert world.seated() == ["anna"]


def test_a_renewal_for_later_waits_beside_and_takes_over_at_its_start() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign())
    renewal = world.sign(number="T-2", starts_on=date(2026, 6, 1), scope={"WFM": 2})

    result = import_unasked(world, renewal)

    assert result.plan.report.standing.license == world.verifier.verify(
        b"file of licence T-1, issue 1, no. 0"
    )
    assert told(result.plan.changes) == []
    assert world.in_force() == [("T-1", 1), ("T-2", 1)]
    last_moment = datetime(2026, 5, 31, 23, 59, 59, tzinfo=world.zone)
    assert world.sync(last_moment).realm.standing.license != renewal
    assert world.sync(last_moment + timedelta(seconds=1)).realm.standing.license == renewal
    assert world.seated() == ["anna", "boris"]


def test_a_temporary_licence_leaves_the_commercial_one_to_fall_back_to() -> None:
    world = World()
    world.sync()
    world.agents("anna", "boris")
    world.import_file(world.sign_commercial(scope={"WFM": 2}))
    evaluation = world.sign(scope={"WFM": 1}, expires_on=date(2026, 5, 31))

    result = import_unasked(world, evaluation)

    assert result.replaced == ()
    assert told(result.plan.changes) == [("seat_released", "boris", "limit_reduced")]
    assert world.sync(at(date(2026, 5, 31))).realm.standing.license == evaluation
    assert told(world.sync(at(date(2026, 6, 1))).changes) == [("seat_assigned", "boris", "seat_free")]
    assert world.realm.attributes["license.number"] == "C-1"


def test_the_next_temporary_licence_replaces_the_last_but_not_the_commercial_one() -> None:
    world = World()
    world.sync()
    world.import_file(world.sign_commercial())
    world.import_file(world.sign())
    result = world.import_file(world.sign(number="T-2"))

    assert numbers(result.replaced) == ["T-1"]
    assert world.in_force() == [("C-1", 1), ("T-2", 1)]


def test_a_commercial_licence_replaces_both() -> None:
    world = World()
    world.sync()
    world.import_file(world.sign_commercial(activation=None, issued_on=date(2026, 4, 20)))
    world.import_file(world.sign())
    result = world.import_file(world.sign_commercial(issue=2))

    assert numbers(result.replaced) == ["C-1", "T-1"]
    assert world.in_force() == [("C-1", 2)]
    assert result.plan.report.standing.reason is Reason.ACTIVE


def test_a_lost_ledger_does_not_cost_the_commercial_licence_under_a_temporary_one() -> None:
    world = World()
    world.sync()
    world.import_file(world.sign_commercial())
    world.ledger = MemoryLedger()

    world.import_file(world.sign(expires_on=date(2026, 5, 31)))

    assert world.in_force() == [("C-1", 1), ("T-1", 1)]
    assert world.sync(at(date(2026, 6, 1))).realm.standing.reason is Reason.ACTIVE


def test_a_lost_ledger_still_knows_that_there_is_something_to_replace() -> None:
    world = World()
    world.import_file(world.sign(issue=2))
    world.ledger = MemoryLedger()

    with pytest.raises(LicenseRefusedError, match="older"):
        world.import_file(world.sign(issue=1))
    with pytest.raises(LicenseRefusedError, match="replace T-1"):
        world.import_file(world.sign(number="T-2"), confirmed=False)
    world.import_file(world.sign(number="T-2"))
    assert world.in_force() == [("T-2", 1)]


def test_activating_the_present_licence_keeps_the_renewal_that_waits() -> None:
    world = World()
    world.sync()
    world.import_file(world.sign_commercial(activation=None, issued_on=date(2026, 4, 20)))
    world.import_file(
        world.sign_commercial(number="C-2", starts_on=date(2027, 1, 1), expires_on=date(2027, 12, 31))
    )

    result = world.import_file(world.sign_commercial(issue=2))

    assert numbers(result.replaced) == ["C-1"]
    assert world.in_force() == [("C-2", 1), ("C-1", 2)]
    assert world.sync(at(date(2027, 1, 1))).realm.standing.reason is Reason.ACTIVE


def test_a_corrected_issue_of_a_licence_for_later_replaces_the_wrong_one() -> None:
    world = World()
    world.sync()
    world.import_file(
        world.sign_commercial(number="C-2", issue=1, starts_on=date(2026, 7, 1), scope={"WFM": 1})
    )
    world.import_file(
        world.sign_commercial(number="C-2", issue=2, starts_on=date(2026, 6, 1), scope={"WFM": 9})
    )

    assert world.sync(at(date(2026, 6, 1))).realm.applications[0].seats == 9
    assert world.sync(at(date(2026, 7, 1))).realm.applications[0].seats == 9
    assert world.in_force() == [("C-2", 2)]


def test_a_temporary_licence_does_not_throw_out_a_commercial_one_whose_key_is_missing() -> None:
    world = World()
    world.sync()
    commercial = world.sign_commercial()
    world.import_file(commercial)
    world.verifier.distrust(commercial)

    world.import_file(world.sign(expires_on=date(2026, 5, 31)))
    world.trust(commercial)

    assert world.sync(at(date(2026, 6, 1))).realm.standing.license == commercial


def test_what_happened_while_the_question_was_open_is_not_undone() -> None:
    # The worker goes on syncing while a person reads "Replace?".
    world = World()
    world.agents("anna")
    (boris,) = world.agents("boris")
    world.import_file(world.sign(scope={"WFM": 1}))

    def confirm(_: LicenseImport) -> bool:
        world.realm.revoke(boris, world.agent)
        world.agents("cyril")
        world.sync(NOON + timedelta(minutes=5))
        return True

    larger = world.sign(number="T-2", scope={"WFM": 2})
    import_license(world.managed, larger.file.encode(), confirm, lambda: NOON)

    assert world.seated() == ["anna", "cyril"]


def test_nothing_is_replaced_that_was_not_in_the_question() -> None:
    world = World()
    world.import_file(world.sign())
    asked: list[list[str]] = []

    def confirm(result: LicenseImport) -> bool:
        asked.append(numbers(result.replaced))
        if len(asked) == 1:
            world.import_file(world.sign(number="T-2"))
        return asked[-1] == ["T-1"]

    with pytest.raises(LicenseRefusedError, match="replace T-2"):
        import_license(world.managed, world.sign(number="T-3").file.encode(), confirm, lambda: NOON)

    assert asked == [["T-1"], ["T-2"]]
    assert world.in_force() == [("T-2", 1)]


def test_nobody_loses_a_seat_for_how_things_were_when_the_question_was_asked() -> None:
    world = World()
    anna, _ = world.agents("anna", "boris")
    world.import_file(world.sign())
    world.realm.set_enabled(anna, enabled=False)

    def confirm(_: LicenseImport) -> bool:
        world.realm.set_enabled(anna, enabled=True)
        assert told(world.sync(NOON + timedelta(minutes=5)).changes) == []
        return True

    import_license(world.managed, world.sign(number="T-2").file.encode(), confirm, lambda: NOON)

    assert world.seated() == ["anna"]


def test_an_import_that_could_not_be_published_counts_and_is_published_by_the_next_sync() -> None:
    class Fragile(SimulatedRealm):
        is_broken = True

        def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
            if self.is_broken:
                raise UnavailableError("Keycloak went away")
            super().write_attributes(changes, before_write)

    realm = Fragile()
    world = World(realm=realm)
    world.agents("anna")
    with pytest.raises(UnavailableError):
        import_unasked(world, world.sign())
    assert world.in_force() == [("T-1", 1)]

    realm.is_broken = False
    world.sync()
    assert realm.attributes["license.number"] == "T-1"
    assert world.seated() == ["anna"]


@pytest.mark.parametrize("type_", LicenseType)
def test_the_day_a_licence_starts_on_begins_where_the_realm_is(type_: LicenseType) -> None:
    # 23:00 in London on the 31st is already the 1st in Prague.
    world = World()
    now = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)
    world.import_file(world.sign(), now - timedelta(hours=20))
    license_ = world.sign(number="N-1", type=type_, starts_on=date(2026, 6, 1))

    early = preview_import(world.managed, license_.file.encode(), lambda: now - timedelta(seconds=1))
    late = preview_import(world.managed, license_.file.encode(), lambda: now)

    assert numbers(early.replaced) == []
    assert numbers(late.replaced) == ["T-1"]


def test_the_recovered_file_is_the_one_that_was_imported() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.ledger = MemoryLedger()
    world.sync()

    (stored,) = world.ledger.load("acme").licenses
    assert stored == StoredLicense("T-1", 1, license_.file, imported_at=NOON)
    assert import_unasked(world, license_).is_known


def test_a_licence_in_force_is_only_known_by_its_whole_file() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    again = world.verifier.sign(replace(license_, file=""))

    assert not preview_import(world.managed, again.file.encode(), lambda: NOON).is_known


def test_a_file_that_only_the_realm_has_is_not_lost_by_an_import() -> None:
    world = World()
    only_copy = world.sign()
    world.import_file(only_copy)
    world.ledger = MemoryLedger()
    world.verifier.distrust(only_copy)
    other = world.sign(number="T-2")

    import_license(world.managed, other.file.encode(), never_asked, lambda: NOON)
    assert world.realm.attributes["license.file"] == other.file
    assert world.realm.attributes["license.standby_files"] == only_copy.file
    assert world.sync(NOON + timedelta(hours=1)).changes == ()

    world.trust(only_copy)
    warnings = world.sync(NOON + timedelta(hours=2)).realm.warnings
    assert any("licence T-1, issue 1, which the ledger does not know" in each for each in warnings)
    world.import_file(only_copy, NOON + timedelta(hours=3))
    assert world.in_force() == [("T-1", 1)]
    assert world.sync(NOON + timedelta(hours=4)).realm.warnings == ()


def test_an_old_file_in_force_is_recognised_although_a_later_issue_of_it_waits() -> None:
    world = World()
    present = world.sign(issue=1)
    world.import_file(present)
    world.import_file(world.sign(issue=2, starts_on=date(2026, 6, 1)))
    assert world.in_force() == [("T-1", 1), ("T-1", 2)]
    before = world.everything()

    assert import_unasked(world, present, NOON + timedelta(hours=1)).is_known
    assert world.everything() == before
