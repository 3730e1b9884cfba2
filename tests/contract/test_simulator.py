"""The simulator's switches for what a real server does only when something is broken."""

import pytest

from keycloak_license.errors import UnavailableError
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeSet
from keycloak_license.plan.consumers import resolve_consumers
from tests.fakes import SimulatedRealm, unfenced

WFM = Application("WFM", "Workforce Management", roles=("WFM_*",))


def test_what_cannot_be_listed_is_a_gap_and_its_members_are_missing() -> None:
    realm = SimulatedRealm()
    role, group = realm.create_role("WFM_AGENT"), realm.create_group("AGENTS")
    realm.grant_group(group, role)
    ann, bob = realm.create_user("ann"), realm.create_user("bob")
    realm.grant(ann, role)
    realm.join(bob, group)

    realm.unreadable = {role}
    snapshot = realm.read([WFM])
    assert resolve_consumers(snapshot, WFM, ()).keys() == {bob}
    assert len(snapshot.gaps) == 1
    assert "users of role WFM_AGENT" in snapshot.gaps[0]

    realm.unreadable = {group}
    snapshot = realm.read([WFM])
    assert resolve_consumers(snapshot, WFM, ()).keys() == {ann}
    assert len(snapshot.gaps) == 1
    assert "members of group /AGENTS" in snapshot.gaps[0]

    realm.unreadable = set()
    assert realm.read([WFM]).is_complete


def test_a_silent_federation_is_a_gap_and_its_users_are_missing() -> None:
    realm = SimulatedRealm()
    role = realm.create_role("WFM_AGENT")
    ann, bob = realm.create_user("ann"), realm.create_user("bob", provider="ldap")
    for user in (ann, bob):
        realm.grant(user, role)
    assert resolve_consumers(realm.read([WFM]), WFM, ()).keys() == {ann, bob}

    realm.silent_providers = {"ldap"}
    snapshot = realm.read([WFM])
    assert resolve_consumers(snapshot, WFM, ()).keys() == {ann}
    assert snapshot.gaps == ("user storage provider ldap does not answer",)


def test_nothing_works_while_it_is_unreachable_and_nothing_is_lost() -> None:
    realm = SimulatedRealm()
    before = dict(realm.attributes)
    realm.is_unreachable = True
    for ask in (
        lambda: realm.read([WFM]),
        lambda: realm.find_user("ann"),
        realm.ensure_writable,
        lambda: realm.reread(["user-1"], [WFM]),
        lambda: realm.write_attributes([AttributeSet("license.state", "OK")], unfenced),
    ):
        with pytest.raises(UnavailableError):
            ask()
    realm.is_unreachable = False
    assert realm.read([WFM]).attributes == before
