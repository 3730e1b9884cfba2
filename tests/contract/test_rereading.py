"""Users read one by one before they lose a seat: the simulator and Keycloak agree."""

from typing import Final

import pytest

from keycloak_license.model.application import Application
from keycloak_license.model.realm import User
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import RealmAdmin

WFM: Final = Application("WFM", "Workforce", roles=("WFM_*",), client_roles=(("wfm-app", ("agent*",)),))
QM: Final = Application("QM", "Quality", client_roles=(("qm-app", ("*",)),))


def assert_roles(
    admin: RealmAdmin, realm: Realm, user: str, applications: tuple[Application, ...] = (WFM,)
) -> None:
    """He is told with just those effective roles that are of the realm or of a client that counts."""
    found = realm.reread([user], applications)
    assert (found.gaps, found.silent_providers) == ((), {})
    clients = {None, *(client_id for each in applications for client_id, _ in each.client_roles)}
    told = {(role.client_id, role.name) for role in found.users[user].roles}
    assert told == {role for role in admin.effective_roles(user) if role[0] in clients}


def consumes(realm: Realm, user: str) -> bool:
    return any(WFM.counts(role) for role in realm.reread([user], [WFM]).users[user].roles)


def test_an_account_is_told_as_it_is(admin: RealmAdmin, realm: Realm) -> None:
    ann = admin.create_user("Ann", email="ann@example.com")
    bob = admin.create_user("bob", enabled=False)

    found = realm.reread([ann, bob], [WFM]).users
    assert found[ann].user == realm.find_user("ann")
    assert found[bob].user == realm.find_user("bob")
    told = found[ann].user
    assert told is not None
    assert told.created_at is not None
    assert told == User(ann, "ann", True, "ann@example.com", told.created_at, None)
    assert [reading.user and reading.user.enabled for reading in found.values()] == [True, False]


def test_a_role_given_directly_and_taken_again(admin: RealmAdmin, realm: Realm) -> None:
    role, other = admin.create_role("WFM_AGENT"), admin.create_role("OTHER")
    ann = admin.create_user("ann")
    admin.grant(ann, other)
    assert not consumes(realm, ann)
    admin.grant(ann, role)
    assert consumes(realm, ann)
    assert_roles(admin, realm, ann)

    admin.revoke(ann, role)
    assert not consumes(realm, ann)
    assert_roles(admin, realm, ann)


def test_roles_are_told_with_the_ids_that_a_read_of_the_realm_knows(admin: RealmAdmin, realm: Realm) -> None:
    roles = {admin.create_role("WFM_AGENT"), admin.create_role("agent", "wfm-app")}
    ann = admin.create_user("ann")
    for role in roles:
        admin.grant(ann, role)

    told = realm.reread([ann], [WFM]).users[ann].roles
    known = realm.read([WFM]).roles
    assert roles <= {role.id for role in told}
    assert all(known[role.id] == role for role in told)


def test_a_role_by_a_group_above_and_lost_by_leaving_it(admin: RealmAdmin, realm: Realm) -> None:
    top = admin.create_group("A")
    inside = admin.create_group("C", admin.create_group("B", top))
    admin.grant_group(top, admin.create_role("WFM_AGENT"))
    ann = admin.create_user("ann")
    admin.join(ann, inside)
    assert consumes(realm, ann)
    assert_roles(admin, realm, ann)

    admin.leave(ann, inside)
    assert not consumes(realm, ann)


def test_a_role_by_composites_of_realm_and_client_roles_in_a_circle(admin: RealmAdmin, realm: Realm) -> None:
    agent, lead = admin.create_role("agent", "wfm-app"), admin.create_role("lead")
    other = admin.create_role("boss", "other-app")
    for parent, child in ((lead, other), (other, agent), (agent, lead)):
        admin.add_to_composite(parent, child)
    ann = admin.create_user("ann")
    assert not consumes(realm, ann)

    admin.grant(ann, lead)
    assert consumes(realm, ann)
    assert_roles(admin, realm, ann)


def test_a_role_of_a_client_counts_only_for_the_clients_of_the_applications(
    admin: RealmAdmin, realm: Realm
) -> None:
    ann = admin.create_user("ann")
    for client in ("wfm-app", "qm-app", "other-app"):
        admin.grant(ann, admin.create_role("agent", client))

    assert_roles(admin, realm, ann)
    assert_roles(admin, realm, ann, (WFM, QM))
    assert_roles(admin, realm, ann, ())


def test_a_role_that_everybody_has_by_default(admin: RealmAdmin, realm: Realm) -> None:
    ann = admin.create_user("ann")
    assert not consumes(realm, ann)
    admin.add_to_composite(admin.default_role, admin.create_role("WFM_BASIC"))

    assert consumes(realm, ann)
    assert_roles(admin, realm, ann)


def test_a_disabled_user_still_has_his_roles(admin: RealmAdmin, realm: Realm) -> None:
    ann = admin.create_user("ann")
    admin.grant(ann, admin.create_role("WFM_AGENT"))
    admin.set_enabled(ann, enabled=False)

    reading = realm.reread([ann], [WFM]).users[ann]
    assert reading.user is not None
    assert not reading.user.enabled
    assert consumes(realm, ann)
    admin.set_enabled(ann, enabled=True)
    assert realm.reread([ann], [WFM]).users[ann].user == realm.find_user("ann")


def test_a_deleted_user_is_none_and_his_name_given_anew_is_somebody_else(
    admin: RealmAdmin, realm: Realm
) -> None:
    role = admin.create_role("WFM_AGENT")
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    for user in (ann, bob):
        admin.grant(user, role)
    admin.delete_user(ann)
    again = admin.create_user("ann")

    found = realm.reread([ann, bob, again], [WFM])
    assert [reading.user and reading.user.username for reading in found.users.values()] == [
        None,
        "bob",
        "ann",
    ]
    assert found.users[ann].roles == frozenset()
    assert consumes(realm, bob)
    assert not consumes(realm, again)
    assert found.gaps == ()


def test_a_client_that_does_not_exist_gives_no_role_and_is_no_trouble(
    admin: RealmAdmin, realm: Realm
) -> None:
    admin.create_role("agent", "wfm-app-2")
    ann = admin.create_user("ann")

    assert_roles(admin, realm, ann)
    assert_roles(admin, realm, ann, (WFM, QM))


def test_a_service_account_is_read_as_any_user(admin: RealmAdmin, realm: Realm) -> None:
    account = admin.create_service_account("robot")
    admin.grant(account, admin.create_role("WFM_AGENT"))

    assert realm.reread([account], [WFM]).users[account].user == realm.find_user("service-account-robot")
    assert consumes(realm, account)


@pytest.mark.parametrize(
    "id_",
    [
        "00000000-0000-0000-0000-000000000000",
        "f:00000000-0000-0000-0000-000000000000:ann",
        "f:no-such-provider:ann",
        "ann",
        "no body",
        "žofie",
    ],
)
def test_an_id_that_nobody_has_is_none_also_when_it_names_a_provider_that_is_gone(
    admin: RealmAdmin, realm: Realm, id_: str
) -> None:
    admin.create_user("ann")
    found = realm.reread([id_], [WFM])

    assert found.users[id_].user is None
    assert found.users[id_].roles == frozenset()
    assert found.gaps == ()


def test_nobody_to_read_is_nothing_told(admin: RealmAdmin, realm: Realm) -> None:
    admin.create_user("ann")

    assert realm.reread([], [WFM]).users == {}
