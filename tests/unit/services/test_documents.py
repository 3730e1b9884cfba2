"""The keys of every JSON document, as the contract has them; whole documents are in `tests/golden`."""

import json
from datetime import timedelta

from keycloak_license.services.documents import (
    Document,
    explanation_document,
    import_document,
    licenses_document,
    members_document,
    status_document,
    sync_document,
)
from keycloak_license.services.licenses import preview_import
from keycloak_license.services.overview import explain_user, list_all_licenses, list_members, read_status
from tests.unit.services.world import NOON, World

STATUS = {
    "realm", "installation_id", "license", "applications", "synced_at", "complete", "held", "warnings",
}  # fmt: skip
LICENSE = {"number", "type", "state", "access", "reason", "issued_on", "expires_on", "stops_at"}
USAGE = {"id", "name", "seats", "used", "waiting", "usage_percent"}
CHANGE = {"kind", "application", "user_id", "username", "reason"}
MEMBER = {"user_id", "username", "email", "state", "since", "position", "paths"}
EXPLANATION = {"id", "state", "since", "position", "paths", "to_change"}
LISTED = {
    "number", "issue", "type", "state", "in_force", "imported_at", "reason", "explanation", "replaced_at",
    "issued_on", "starts_on", "expires_on", "ends_at",
}  # fmt: skip


def small_world() -> World:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(scope={"WFM": 1, "QM": None}))
    return world


def same_after_json(document: Document) -> bool:
    parsed: object = json.loads(json.dumps(document))
    return parsed == document


def test_status() -> None:
    document = status_document(read_status(small_world().managed, NOON))

    assert document.keys() == STATUS
    assert document["license"].keys() == LICENSE | {"customer"}
    assert [usage.keys() for usage in document["applications"]] == [USAGE, USAGE]
    assert document["license"]["number"] == "T-1"
    assert document["applications"][0] == {
        "id": "WFM",
        "name": "Workforce Management",
        "seats": 1,
        "used": 1,
        "waiting": 1,
        "usage_percent": 100,
    }
    assert (document["applications"][1]["seats"], document["applications"][1]["usage_percent"]) == (
        None,
        None,
    )
    assert document["synced_at"] == "2026-05-01T12:00:00+00:00"
    assert document["license"]["stops_at"] == "2027-01-01T00:00:00+01:00"
    assert same_after_json(document)


def test_status_without_a_licence_or_a_sync_has_the_same_keys() -> None:
    document = status_document(read_status(World().managed, NOON))

    assert document.keys() == STATUS
    assert document["license"].keys() == LICENSE | {"customer"}
    assert {key for key, value in document["license"].items() if value is not None} == {
        "state",
        "access",
        "reason",
    }
    assert (document["installation_id"], document["synced_at"], document["complete"]) == (None, None, False)
    assert same_after_json(document)


def test_sync_is_status_with_what_was_changed() -> None:
    world = small_world()
    world.agents("cyril")
    report = world.sync(dry_run=True)
    document = sync_document(report)

    assert document.keys() == STATUS | {"dry_run", "changes", "notices"}
    assert {key: document[key] for key in STATUS} == status_document(report.realm)
    assert document["dry_run"] is True
    boris, cyril = (world.realm.find_user(name) for name in ("boris", "cyril"))
    assert boris is not None
    assert cyril is not None
    changes = [
        {key: value for key, value in each.items() if value is not None} for each in document["changes"]
    ]
    assert changes == [
        {
            "kind": "waiting",
            "application": "WFM",
            "user_id": cyril.id,
            "username": "cyril",
            "reason": "no_free_seat",
        },
        {"kind": "attribute_set", "attribute": "license.WFM.queue", "value": f"{boris.id},{cyril.id}"},
        {"kind": "attribute_set", "attribute": "license.WFM.waiting", "value": "2"},
    ]
    assert same_after_json(document)


def test_every_change_has_the_same_keys_whatever_its_kind() -> None:
    world = small_world()
    world.realm.set_attributes({"license.OLD.seats": "1"})
    anna, boris = (world.realm.find_user(name) for name in ("anna", "boris"))
    assert anna is not None
    assert boris is not None
    world.realm.set_enabled(boris.id, enabled=False)
    world.agents("cyril")
    documents = [sync_document(world.sync())]
    world.realm.delete_user(anna.id)
    documents.append(sync_document(world.sync()))

    changes = [change for document in documents for change in document["changes"]]
    assert {change["kind"] for change in changes} == {
        "seat_assigned",
        "seat_released",
        "waiting",
        "waiting_ended",
        "attribute_set",
        "attribute_removed",
    }
    assert all(change.keys() - {"attribute", "value"} == CHANGE for change in changes)
    assert {"kind": "attribute_removed", "attribute": "license.OLD.seats"}.items() <= next(
        change for change in changes if change["kind"] == "attribute_removed"
    ).items()


def test_members() -> None:
    world = small_world()
    allocation, members = list_members(world.managed, "WFM", NOON)
    document = members_document("WFM", allocation.limit, members)

    assert document.keys() == {"application", "seats", "members"}
    assert [member.keys() for member in document["members"]] == [MEMBER, MEMBER]
    assert [(member["state"], member["position"]) for member in document["members"]] == [
        ("seated", None),
        ("waiting", 1),
    ]
    assert document["members"][0]["paths"] == [["role WFM_AGENT"]]
    assert document["members"][0]["email"] == "anna@example.org"
    assert document["members"][0]["since"] == "2026-05-01T12:00:00+00:00"
    assert same_after_json(document)


def test_members_of_an_unlimited_application() -> None:
    world = small_world()
    allocation, members = list_members(world.managed, "QM", NOON)

    assert members_document("QM", allocation.limit, members) == {
        "application": "QM",
        "seats": None,
        "members": [],
    }


def test_explain() -> None:
    document = explanation_document(explain_user(small_world().managed, "boris", NOON))

    assert document.keys() == {
        "user_id",
        "username",
        "enabled",
        "exempt",
        "access",
        "reason",
        "default_role",
        "applications",
    }
    assert document["default_role"] == "role default-roles-acme"
    assert [each.keys() for each in document["applications"]] == [EXPLANATION, EXPLANATION]
    assert document["applications"][0]["state"] == "waiting"
    assert document["applications"][1] == {
        "id": "QM",
        "state": "not_needed",
        "since": None,
        "position": None,
        "paths": [],
        "to_change": [
            {
                "kind": "give_role",
                "seats": None,
                "take_away": [],
                "shared": [],
                "roles": ["role QM_*"],
                "text": "Any of these makes the user need a seat: role QM_*",
            }
        ],
    }
    assert document["applications"][0]["to_change"][0]["seats"] == 1
    assert same_after_json(document)


def test_import_shows_before_and_after() -> None:
    world = small_world()
    larger = world.sign(number="T-2", scope={"WFM": 2})
    preview = preview_import(world.managed, larger.file.encode(), lambda: NOON + timedelta(minutes=1))
    document = import_document(preview)

    assert {"before", "after", "changes"} <= document.keys()
    assert [usage.keys() for usage in document["before"] + document["after"]] == [USAGE] * 4
    assert [usage["used"] for usage in document["before"]] == [1, 0]
    assert [usage["used"] for usage in document["after"]] == [2, 0]
    assert document["replaces"] == ["T-1"]
    assert document["already_imported"] is False
    assert [change["username"] for change in document["changes"] if change["kind"] == "seat_assigned"] == [
        "boris"
    ]
    assert same_after_json(document)


def test_import_of_the_same_file_again_says_so_and_changes_nothing() -> None:
    world = small_world()
    (stored,) = world.ledger.load("acme").licenses
    world.agents("cyril")
    document = import_document(preview_import(world.managed, stored.file.encode(), lambda: NOON))

    assert document["already_imported"] is True
    assert (document["replaces"], document["changes"]) == ([], [])
    assert document["license"]["number"] == "T-1"


def test_licenses() -> None:
    world = small_world()
    world.import_file(world.sign(number="T-2"), NOON + timedelta(hours=1))
    document = licenses_document(list_all_licenses(world.managed, NOON + timedelta(hours=2)))

    assert document.keys() == {"licenses"}
    assert [each.keys() for each in document["licenses"]] == [LISTED, LISTED]
    assert [(each["number"], each["in_force"], each["reason"]) for each in document["licenses"]] == [
        ("T-1", False, "replaced"),
        ("T-2", True, "temporary"),
    ]
    assert [each["imported_at"] for each in document["licenses"]] == [
        "2026-05-01T12:00:00+00:00",
        "2026-05-01T13:00:00+00:00",
    ]
    assert document["licenses"][0]["replaced_at"] == "2026-05-01T13:00:00+00:00"
    assert document["licenses"][1]["ends_at"] == "2027-01-01T00:00:00+01:00"
    assert same_after_json(document)


def test_licenses_before_the_first_are_an_empty_list() -> None:
    assert licenses_document(list_all_licenses(World().managed, NOON)) == {"licenses": []}
