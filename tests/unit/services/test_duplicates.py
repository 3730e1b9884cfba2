import csv
from dataclasses import replace
from io import StringIO

from keycloak_license.services.duplicates import (
    HEADINGS,
    duplicates_csv,
    duplicates_document,
    list_duplicates,
)
from tests.unit.services.world import NOON, World


def world_of_doubles() -> World:
    """Ann has an account here and one of a directory, both with WFM, of which there are two seats."""
    world = World()
    for username, email, provider in (
        ("ann", "ann@example.com", None),
        ("zoe", "zoe@example.com", None),
        ("=ann", "Ann@Example.com", "p-1"),
    ):
        user = world.realm.create_user(username, email=email, provider=provider)
        world.realm.grant(user, world.agent)
    world.import_file(world.sign(scope={"WFM": 2}))
    return world


def test_an_account_of_a_federation_and_a_local_one_are_told_with_their_seats() -> None:
    world = world_of_doubles()

    document = duplicates_document(list_duplicates(world.managed, NOON))

    [person] = document["people"]
    assert (person["email"], person["seats_saved"]) == ("ann@example.com", 0)
    told = [
        (each["username"], each["provider"], each["seats"], each["waiting"]) for each in person["accounts"]
    ]
    assert told == [("=ann", "p-1", [], ["WFM"]), ("ann", None, ["WFM"], [])]
    assert (document["seats_saved"], document["unverified"], document["complete"]) == (0, 0, True)


def test_more_seats_make_more_to_save() -> None:
    world = world_of_doubles()
    world.import_file(world.sign(number="T-2", scope={"WFM": 3}))

    listed = list_duplicates(world.managed, NOON)

    assert [person.seats_saved for person in listed.found.people] == [1]


def test_nothing_is_changed() -> None:
    world = world_of_doubles()
    before = world.everything()

    list_duplicates(world.managed, NOON)

    assert world.everything() == before


def test_csv_has_a_line_for_each_account_and_no_formula() -> None:
    text = duplicates_csv(list_duplicates(world_of_doubles().managed, NOON))

    rows = list(csv.reader(StringIO(text)))
    assert tuple(rows[0]) == HEADINGS
    assert [row[3:] for row in rows[1:]] == [
        ["'=ann", "p-1", "no", "", "WFM"],
        ["ann", "local", "no", "WFM", ""],
    ]


def test_a_federation_goes_by_its_name_where_that_is_known() -> None:
    listed = list_duplicates(world_of_doubles().managed, NOON)

    [document] = duplicates_document(replace(listed, providers={"p-1": "directory"}))["people"]

    assert [each["provider"] for each in document["accounts"]] == ["directory", None]


def test_a_read_with_gaps_is_said_to_be_incomplete() -> None:
    listed = list_duplicates(world_of_doubles().managed, NOON)

    assert duplicates_document(replace(listed, gaps=("something",)))["complete"] is False
