"""The realm's own days of notice, as somebody types them at the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.errors import ConfigurationError, LeaseLostError, LeaseTakenError, MissingRightError
from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS
from keycloak_license.plan.expiry import MAX_NOTICE_DAYS, notice_days
from keycloak_license.services.notice_days import set_notice_days
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.unit.services.world import World

DEFAULT = (30,)


def kept(world: World) -> str | None:
    return world.realm.attributes.get(EXPIRY_NOTICE_DAYS)


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("30", "30"),
        (" 30 ,7,  1 ", "30, 7, 1"),
        ("7, 30", "30, 7"),
        ("7, 7, 07, 30", "30, 7"),
        ("0", "0"),
        (f"{MAX_NOTICE_DAYS}", f"{MAX_NOTICE_DAYS}"),
    ],
)
def test_days_are_kept_the_longest_first_and_each_once(typed: str, days: str) -> None:
    world = World()
    assert set_notice_days(world.managed, typed) == days
    assert kept(world) == days


@given(days=st.lists(st.integers(0, MAX_NOTICE_DAYS), min_size=1, max_size=9), comma=st.sampled_from(",;"))
def test_what_is_kept_is_what_a_sync_understands(days: list[int], comma: str) -> None:
    world, typed = World(), f" {comma} ".join(map(str, days))
    if comma == ";" and len(days) > 1:
        with pytest.raises(ConfigurationError):
            set_notice_days(world.managed, typed)
        assert kept(world) is None
        return
    set_notice_days(world.managed, typed)
    assert set(notice_days(world.realm.attributes, DEFAULT)) == set(days)


@pytest.mark.parametrize("typed", ["", "  ", "\n"])
def test_nothing_typed_gives_the_default_back(typed: str) -> None:
    world = World()
    set_notice_days(world.managed, "45")
    assert set_notice_days(world.managed, typed) == ""
    assert kept(world) is None
    assert notice_days(world.realm.attributes, DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    "typed", ["x", "-1", "1.5", "30 7", "30,,7", ",", "30,", "3651", "99999", "1e1", "٣", "²", "30\0", "<b>"]
)
def test_what_is_no_days_is_refused_in_one_sentence_and_changes_nothing(typed: str) -> None:
    world = World()
    set_notice_days(world.managed, "45")
    before = world.everything()
    with pytest.raises(ConfigurationError, match=r"whole number from 0 to 3650.*correct it$"):
        set_notice_days(world.managed, typed)
    assert (kept(world), world.everything()) == ("45", before)


def test_no_attribute_of_anybody_else_is_touched() -> None:
    world = World()
    before = dict(world.realm.attributes)
    set_notice_days(world.managed, "45")
    assert world.realm.attributes == before | {EXPIRY_NOTICE_DAYS: "45"}


def test_nothing_is_written_while_somebody_else_is_at_work_on_the_realm() -> None:
    world = World()
    lease = world.ledger.take_lease("acme", "another process")
    with pytest.raises(LeaseTakenError):
        set_notice_days(world.managed, "45")
    assert kept(world) is None
    world.ledger.end_lease(lease)
    set_notice_days(world.managed, "45")
    world.ledger.take_lease("acme", "another process")


class Overtaken(MemoryLedger):
    """Another process takes over whatever is begun."""

    def renew_lease(self, lease: object) -> None:
        raise LeaseLostError("Another process took over realm acme")


def test_who_was_overtaken_writes_nothing_more() -> None:
    world = World(ledger=Overtaken())
    with pytest.raises(LeaseLostError):
        set_notice_days(world.managed, "45")
    assert kept(world) is None


def test_a_right_that_is_missing_is_said_and_leaves_the_realm_to_others() -> None:
    world = World(realm=SimulatedRealm(is_read_only=True))
    with pytest.raises(MissingRightError):
        set_notice_days(world.managed, "45")
    world.ledger.take_lease("acme", "another process")
