"""Genuine files that are refused all the same: an old key, another installation, a step back."""

from datetime import UTC, date, datetime, timedelta

import pytest

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.license import Activation, LicenseState, Reason
from keycloak_license.services.licenses import preview_import
from tests.unit.services.world import NOON, World


def test_a_retired_key_keeps_its_old_licence_and_brings_no_new_one() -> None:
    world = World()
    old = world.sign(kid="2025")
    world.import_file(old)
    new = world.sign(number="T-2", kid="2025")
    world.verifier.retire("2025")
    assert world.sync().realm.standing.license == old
    before = world.everything()

    assert world.import_file(old, confirmed=False).is_known
    with pytest.raises(LicenseRefusedError, match="retired"):
        world.import_file(new)
    with pytest.raises(LicenseRefusedError, match="retired"):
        preview_import(world.managed, new.file.encode(), lambda: NOON)
    assert world.everything() == before
    world.import_file(world.sign(number="T-3", kid="2026"))
    assert world.in_force() == [("T-3", 1)]


def test_a_replaced_file_of_a_retired_key_does_not_come_back() -> None:
    world = World()
    old = world.sign(kid="2025")
    world.import_file(old)
    world.import_file(world.sign(number="T-2", kid="2026"))
    world.verifier.retire("2025")

    with pytest.raises(LicenseRefusedError, match="retired"):
        world.import_file(old)
    assert world.in_force() == [("T-2", 1)]


ELSEWHERE = [
    Activation("another", "realm-acme"),
    Activation("another", "another"),
]


@pytest.mark.parametrize("activation", ELSEWHERE)
@pytest.mark.parametrize("present", ["temporary", "commercial", "inactive"])
def test_a_file_activated_for_another_installation_does_not_end_access(
    activation: Activation, present: str
) -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    match present:
        case "temporary":
            world.import_file(world.sign())
        case "commercial":
            world.import_file(world.sign_commercial())
        case _:
            world.import_file(world.sign_commercial(activation=None, issued_on=date(2026, 4, 20)))
    before = world.everything()
    foreign = world.sign_commercial(number="C-9", activation=activation)

    with pytest.raises(LicenseRefusedError) as failure:
        world.import_file(foreign)
    assert world.everything() == before
    for words in (
        f"C-9 is activated for installation {activation.installation_id}, realm id {activation.realm_id}",
        f"this is installation {world.realm.attributes['license.installation_id']}, realm id realm-acme",
        "ask the vendor for one made from your own activation key",
    ):
        assert words in str(failure.value)


@pytest.mark.parametrize("present", ["none", "expired", "grace over"])
def test_a_file_activated_for_another_installation_is_taken_where_nothing_gives_access(present: str) -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    match present:
        case "expired":
            world.import_file(world.sign_commercial(expires_on=date(2026, 4, 30)))
        case "grace over":
            world.import_file(world.sign_commercial(activation=None))
        case _:
            pass
    foreign = world.sign_commercial(number="C-9", activation=ELSEWHERE[0])

    standing = world.import_file(foreign).plan.report.standing

    assert (standing.state, standing.reason, standing.license) == (
        LicenseState.NOT_ACTIVATED,
        Reason.OTHER_INSTALLATION,
        foreign,
    )
    # From here on it is activated for this one.
    ours = world.sign_commercial(number="C-9")
    assert world.import_file(ours).plan.report.standing.reason is Reason.ACTIVE


def test_a_file_for_later_that_is_activated_for_another_installation_is_refused() -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    present = world.sign_commercial()
    world.import_file(present)
    elsewhere = world.sign_commercial(number="C-9", activation=ELSEWHERE[0], starts_on=date(2026, 6, 1))
    with pytest.raises(LicenseRefusedError, match="ask the vendor for one made from your own"):
        world.import_file(elsewhere)

    assert world.sync(datetime(2026, 6, 2, tzinfo=UTC)).realm.standing.license == present


def test_going_back_to_the_file_without_activation_is_refused() -> None:
    world = World()
    world.sync(NOON - timedelta(hours=1))
    inactive = world.sign_commercial(activation=None, issued_on=date(2026, 4, 20))
    world.import_file(inactive)
    activated = world.sign_commercial(issued_on=date(2026, 4, 20))
    world.import_file(activated)
    before = world.everything()

    with pytest.raises(LicenseRefusedError, match=r"C-1, issue 1, is not activated, .* activated one: keep"):
        world.import_file(inactive)
    assert world.everything() == before
    assert world.import_file(activated, confirmed=False).is_known
