"""Mode `disable` and people from a directory: left alone, unless somebody wants it otherwise."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.office import Office, open_office, person
from tests.real.keycloak import AdminApi, LdapProvider, add_ldap
from tests.real.slapd import Slapd

PEOPLE = ("lea", "leo", "lou")


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(PEOPLE, {}, {"WFM_AGENT": PEOPLE}) as running:
        yield running


@pytest.fixture
def office(keycloak: AdminApi, tmp_path: Path) -> Iterator[Office]:
    """Ann has the one seat of WFM."""
    with open_office(keycloak, tmp_path / "site", "disable", users=[person("ann", "WFM_AGENT")]) as made:
        made.license({"WFM": 1})
        yield made


def stop_importing(office: Office, provider: LdapProvider) -> None:
    path = f"/components/{provider.id}"
    component = office.realm.get(path)
    component["config"]["importEnabled"] = ["false"]
    office.realm.put(path, component)
    office.realm.post(f"/user-storage/{provider.id}/remove-imported-users")


def enabled(office: Office) -> set[str]:
    return {user["username"] for user in office.realm.get("/users") if user["enabled"]}


def test_people_of_a_directory_are_disabled_only_where_that_is_wanted(office: Office, slapd: Slapd) -> None:
    add_ldap(office.realm, slapd)
    assert [each["kind"] for each in office.sync()] == ["waiting"] * 3
    assert enabled(office) == {"ann", *PEOPLE}

    office.choose("disable", disable_federated=True)
    assert [each["kind"] for each in office.sync()] == ["user_disabled"] * 3
    assert enabled(office) == {"ann"}
    assert office.sync() == []
    assert office.site.usage() == (1, 1, 3)

    office.choose("disable")
    assert [each["kind"] for each in office.sync()] == ["user_enabled"] * 3
    assert enabled(office) == {"ann", *PEOPLE}


@pytest.mark.slow
def test_whom_a_directory_does_not_let_us_disable_is_told_and_left_alone(
    office: Office, slapd: Slapd
) -> None:
    stop_importing(office, add_ldap(office.realm, slapd))
    office.choose("disable", disable_federated=True)
    [warning] = office.site.call("sync", "--json").document["warnings"]

    assert warning.startswith("3 users were not changed, one of them because: Keycloak at ")
    assert not any(who in warning for who in PEOPLE)
    assert office.site.status()["warnings"] == [warning]
    assert enabled(office) == {"ann", *PEOPLE}
    own = office.realm.client_uuid("keycloak-license")
    assert office.realm.get(f"/clients/{own}/roles/disabled-by-license/users") == []
