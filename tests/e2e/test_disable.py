"""Mode `disable`, on a real server: who has no seat is disabled by us, and by nobody else's hand enabled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.office import Office, open_office, person
from tests.real.keycloak import AdminApi

PEOPLE = [
    person("ann", "WFM_AGENT", createdTimestamp=1_700_000_000_001),
    person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002),
    person("cid", "WFM_AGENT", createdTimestamp=1_700_000_000_003),
    person("mia", "WFM_AGENT", createdTimestamp=1_700_000_000_004),
    person("off", "WFM_AGENT", createdTimestamp=1_700_000_000_000, enabled=False),
]
UNMANAGED = "org.keycloak.userprofile.UserProfileProvider"
PROFILE = {
    UNMANAGED: [
        {
            "providerId": "declarative-user-profile",
            "config": {
                "kc.user.profile.config": ['{"attributes": [], "unmanagedAttributePolicy": "ENABLED"}']
            },
        }
    ]
}


LOCKER = {"locker": ["17"]}
"""What a user profile does not know, and a careless write would lose."""


@pytest.fixture
def office(keycloak: AdminApi, tmp_path: Path) -> Iterator[Office]:
    """One seat, ann's; bob, cid and mia wait, but mia manages licences; off was disabled by an admin."""
    with open_office(keycloak, tmp_path / "site", "disable", users=PEOPLE) as made:
        made.hire("mia", "manage-licenses")
        profile = made.realm.get("/users/profile")
        made.realm.put("/users/profile", profile | {"unmanagedAttributePolicy": "ENABLED"})
        made.realm.put(f"/users/{made.realm.user_id('bob')}", made.user("bob") | {"attributes": LOCKER})
        yield made


def enabled(office: Office) -> set[str]:
    return {user["username"] for user in office.realm.get("/users") if user["enabled"]}


def kinds(changes: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    return [
        (each["kind"], each["username"], each["reason"])
        for each in changes
        if str(each["kind"]).startswith("user_")
    ]


@pytest.mark.slow
def test_without_a_licence_nobody_is_disabled(office: Office) -> None:
    office.sync()
    assert enabled(office) == {"ann", "bob", "cid", "mia"}


def test_who_has_no_seat_is_disabled_and_comes_back_first(office: Office) -> None:
    before = office.tokens(office.other, "bob")
    bob = office.user("bob")

    changes = kinds(office.license({"WFM": 1}))
    assert sorted(changes) == [(("user_disabled", who, "no_free_seat")) for who in ("bob", "cid")]
    assert enabled(office) == {"ann", "mia"}
    assert office.user("bob") == bob | {"enabled": False, "notBefore": office.user("bob")["notBefore"]}
    assert not office.gets_in(office.other, "bob")
    assert not office.other.refresh(before).are_granted
    assert office.site.usage() == (1, 1, 3)
    assert office.sync() == []

    office.fire("ann", "WFM_AGENT")
    assert ("user_enabled", "bob", "not_short_of_seats") in kinds(office.sync())
    assert enabled(office) == {"ann", "bob", "mia"}
    assert office.gets_in(office.other, "bob")
    assert office.user("bob")["attributes"] == LOCKER
    assert office.sync() == []


def test_who_is_enabled_without_a_seat_is_disabled_again_and_a_notice_says_why(office: Office) -> None:
    office.license({"WFM": 1})
    office.realm.put(f"/users/{office.realm.user_id('bob')}", {"enabled": True})

    outcome = office.site.call("sync", "--json").document
    assert ("user_disabled", "bob", "enabled_without_seat") in kinds(outcome["changes"])
    assert any(
        each.startswith("bob was enabled and is disabled again: a user cannot be enabled")
        for each in outcome["warnings"]
    )
    assert enabled(office) == {"ann", "mia"}
    assert office.sync() == []


def test_whom_an_admin_has_disabled_stays_so(office: Office) -> None:
    office.license({"WFM": 9})
    assert enabled(office) == {"ann", "bob", "cid", "mia"}
    office.license({"WFM": 1})
    office.choose("observe").sync()

    assert enabled(office) == {"ann", "bob", "cid", "mia"}


def test_our_mark_outlives_the_ledger(office: Office) -> None:
    office.license({"WFM": 1})
    for file in office.site.folder.glob("ledger.db*"):
        file.unlink()
    office.sync()
    assert enabled(office) == {"ann", "mia"}
    assert office.site.usage() == (1, 1, 3)

    office.license({"WFM": 3})
    assert enabled(office) == {"ann", "bob", "cid", "mia"}


@pytest.mark.slow
def test_who_no_longer_needs_a_seat_is_enabled(office: Office) -> None:
    office.license({"WFM": 1})
    office.fire("bob", "WFM_AGENT")
    assert ("user_enabled", "bob", "not_short_of_seats") in kinds(office.sync())
    assert enabled(office) == {"ann", "bob", "mia"}


@pytest.mark.parametrize("way", ["sync", "init", pytest.param("remove", marks=pytest.mark.slow)])
def test_leaving_the_mode_enables_whom_we_disabled_and_nobody_else(office: Office, way: str) -> None:
    office.license({"WFM": 1})
    if way == "remove":
        office.site.init("--remove").done()
    elif way == "init":
        office.choose("observe").site.init().done()
    else:
        office.choose("observe").sync()

    assert enabled(office) == {"ann", "bob", "cid", "mia"}
    # Its right is not enough to take the role out.
    assert office.own_names() == ({"disabled-by-license"} if way == "sync" else set())
