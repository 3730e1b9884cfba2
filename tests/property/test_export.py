"""A realm that is exported and read back has the consumers, and the paths to them, that it had."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.keycloak_api.export import read_export
from keycloak_license.keycloak_api.export_snapshot import snapshot_of
from keycloak_license.model.enforcement import OBSERVE_ONLY
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.plan.consumers import find_warnings, paths_by_user, resolve_consumers
from tests.exports import export_of, write, write_folder
from tests.property.strategies import APPLICATIONS, EXEMPT_USERS, snapshots

PERSON = {"username": "somebody", "enabled": True}
"""Without anybody an export is no export."""


def exported(snapshot: RealmSnapshot, users_per_file: int | None, *, with_ids: bool = True) -> RealmSnapshot:
    document = export_of(snapshot, with_ids=with_ids)
    document["users"].append(PERSON)
    with TemporaryDirectory() as name:
        folder = Path(name)
        if users_per_file is None:
            path = write(folder / "export.json", document)
        else:
            path = write_folder(folder, document, users_per_file)
        return snapshot_of(read_export(path, None), OBSERVE_ONLY)


@given(snapshots(), st.none() | st.integers(1, 4))
def test_the_same_people_consume_by_the_same_paths(
    snapshot: RealmSnapshot, users_per_file: int | None
) -> None:
    back = exported(snapshot, users_per_file)

    for application in APPLICATIONS:
        expected = resolve_consumers(snapshot, application, EXEMPT_USERS)
        assert resolve_consumers(back, application, EXEMPT_USERS) == expected
        assert paths_by_user(back, application) == paths_by_user(snapshot, application)


@given(snapshots())
def test_the_same_people_consume_where_nothing_has_an_id(snapshot: RealmSnapshot) -> None:
    back = exported(snapshot, None, with_ids=False)

    for application in APPLICATIONS:
        consumers = resolve_consumers(back, application, EXEMPT_USERS)
        expected = resolve_consumers(snapshot, application, EXEMPT_USERS)
        assert {each.username for each in consumers.values()} == {each.username for each in expected.values()}


@given(snapshots())
def test_what_concerns_the_realm_as_a_whole_is_the_same(snapshot: RealmSnapshot) -> None:
    back = exported(snapshot, None)

    seen = replace(snapshot, gaps=())
    assert list(find_warnings(back, APPLICATIONS)) == list(find_warnings(seen, APPLICATIONS))
    assert (back.realm, back.realm_id, back.attributes) == (
        snapshot.realm,
        snapshot.realm_id,
        snapshot.attributes,
    )
    assert back.service_accounts == snapshot.service_accounts
    assert back.is_complete
