"""Who has a seat and who waits, while people in a real realm come and go."""

from tests.e2e.cli import (
    CLIENT,
    license_attributes,
    written,
)
from tests.e2e.crew import Crew


def test_over_the_limit_people_wait_in_the_order_they_came(crew: Crew) -> None:
    crew.give(2).done()
    for name in ("eve", "dan", "cid", "bob"):
        crew.hire(name)

    seated, waiting = (
        [("eve", "seated", None), ("dan", "seated", None)],
        [
            ("cid", "waiting", 1),
            ("bob", "waiting", 2),
        ],
    )
    assert crew.site.members() == seated + waiting
    assert crew.site.usage() == (2, 2, 2)


def test_people_who_came_at_once_wait_in_the_order_of_their_accounts(crew: Crew) -> None:
    crew.give(2).done()

    crew.hire("eve", "cid", "ann", "dan")

    assert [name for name, _, _ in crew.site.members()] == ["ann", "cid", "dan", "eve"]


def test_a_freed_seat_goes_to_the_first_who_waits_and_who_comes_back_waits_last(crew: Crew) -> None:
    crew.give(1).done()
    for name in ("ann", "bob", "cid"):
        crew.hire(name)

    crew.fire("ann")
    assert crew.site.members() == [("bob", "seated", None), ("cid", "waiting", 1)]

    crew.hire("ann")
    assert crew.site.members() == [("bob", "seated", None), ("cid", "waiting", 1), ("ann", "waiting", 2)]


def test_a_disabled_user_gives_his_seat_back(crew: Crew) -> None:
    crew.give(1).done()
    crew.hire("ann")
    crew.hire("bob")
    realm = crew.site.realm
    ann = f"/users/{realm.user_id('ann')}"
    realm.put(ann, {"enabled": False})
    try:
        changes = crew.site.call("sync", "--json").document["changes"]
    finally:
        realm.put(ann, {"enabled": True})

    seats = [(c["kind"], c["username"], c["reason"]) for c in changes if c["username"]]
    assert ("seat_released", "ann", "disabled") in seats
    assert ("seat_assigned", "bob", "seat_free") in seats
    assert crew.site.usage() == (1, 1, 0)


def test_a_smaller_limit_takes_the_newest_seats_and_a_larger_one_gives_them_back_first(crew: Crew) -> None:
    crew.give(3, "THREE").done()
    for name in ("cid", "bob", "ann"):
        crew.hire(name)
    crew.hire("dan")

    crew.give(1, "ONE", "--replace").done()
    assert crew.site.members() == [
        ("cid", "seated", None),
        ("bob", "waiting", 1),
        ("ann", "waiting", 2),
        ("dan", "waiting", 3),
    ]

    crew.give(3, "AGAIN", "--replace").done()
    assert [name for name, state, _ in crew.site.members() if state == "seated"] == ["cid", "bob", "ann"]
    assert crew.site.usage() == (3, 3, 1)


def test_each_application_is_decided_on_its_own(crew: Crew) -> None:
    crew.site.call("import", crew.site.license("BOTH", {"WFM": 1, "QM": 0})).done()

    crew.hire("ann", role="QM_AGENT")
    crew.hire("ann")

    assert crew.site.usage("WFM") == (1, 1, 0)
    assert crew.site.usage("QM") == (0, 0, 1)


def test_an_application_outside_the_scope_has_no_seats(crew: Crew) -> None:
    crew.give(1).done()

    crew.hire("ann", role="QM_AGENT")

    assert crew.site.usage("QM") == (0, 0, 1)
    assert license_attributes(crew.site.realm)["license.scope"] == "WFM"


def test_a_dry_run_needs_view_rights_only_and_writes_nothing(crew: Crew) -> None:
    site, realm = crew.site, crew.site.realm
    crew.give(1).done()
    crew.hire("ann")
    realm.post(f"/users/{realm.user_id('bob')}/role-mappings/realm", [realm.get("/roles/WFM_AGENT")])
    before = written(site)
    account = realm.get(f"/clients/{realm.client_uuid(CLIENT)}/service-account-user")["id"]
    path = f"/users/{account}/role-mappings/clients/{realm.client_uuid('realm-management')}"
    manage = [role for role in realm.get(path) if role["name"] == "manage-realm"]
    with_all_rights = site.call("sync", "--dry-run", "--json").document
    realm.delete(path, manage)
    try:
        document = site.call("sync", "--dry-run", "--json").document
    finally:
        realm.post(path, manage)

    assert written(site) == before
    assert document["dry_run"] is True
    assert document["applications"] == with_all_rights["applications"]
    assert document["changes"] == with_all_rights["changes"]
    assert [(c["kind"], c["username"]) for c in document["changes"] if c["user_id"]] == [("waiting", "bob")]


def test_a_dry_run_does_not_pass_for_a_sync(crew: Crew) -> None:
    assert crew.site.call("sync", "--dry-run", "--json").document["synced_at"] is None
    crew.site.call("sync").done()
    synced_at = crew.site.status()["synced_at"]

    assert crew.site.call("sync", "--dry-run", "--json").document["synced_at"] == synced_at
    assert crew.site.status()["synced_at"] == synced_at
