"""`duplicates` on a real realm with a real directory."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import Site, make_site
from tests.real.keycloak import AdminApi, RealRealm, add_ldap, temporary_realm
from tests.real.slapd import Slapd

APPLICATIONS = {"WFM": {"roles": ["WFM_*"]}, "QM": {"roles": ["QM_*"]}}


def person(name: str, email: str, *roles: str, verified: bool = True) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": email,
        "emailVerified": verified,
        "realmRoles": list(roles),
    }


REALM = {
    # Without this Keycloak itself refuses a second account with an address.
    "duplicateEmailsAllowed": True,
    "loginWithEmailAllowed": False,
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
    "users": [
        person("ann", "ann@example.com", "WFM_AGENT", "QM_AGENT", verified=False),
        person("bob", "bob@example.com", "WFM_AGENT"),
        person("bob2", "BOB@example.com", "WFM_AGENT"),
        person("bob3", "bob@example.com", "WFM_AGENT", verified=False),
        person("bob4", "bob@example.com"),
        person("cyr", "cyr@example.com", "WFM_AGENT", verified=False),
        person("cyr2", "cyr@example.com", "WFM_AGENT", verified=False),
        person("dan", "dan@example.com", "WFM_AGENT"),
    ],
}


@pytest.fixture(scope="module")
def realm(keycloak: AdminApi) -> Iterator[RealRealm]:
    """Ann is in the directory as well, as ann.ldap with her address."""
    with Slapd(("ann.ldap",), {}, {"WFM_AGENT": ("ann.ldap",)}) as slapd:
        slapd.change(
            f"dn: {slapd.person_dn('ann.ldap')}\nchangetype: modify\nreplace: mail\nmail: Ann@Example.com\n"
        )
        with temporary_realm(keycloak, REALM) as made:
            add_ldap(made, slapd)
            yield made


@pytest.fixture
def site(realm: RealRealm, tmp_path: Path) -> Site:
    site = make_site(tmp_path / "site", realm, applications=APPLICATIONS)
    site.init().done()
    site.call("import", site.license("L-1", {"WFM": None, "QM": None}), "--replace").done()
    return site


def test_people_with_two_accounts_are_told_and_what_is_unverified_is_counted(site: Site) -> None:
    document = site.call("duplicates", "--json").document

    told = {
        each["email"]: (
            each["seats_saved"],
            [
                (one["username"], one["provider"], one["verified"], one["seats"], one["waiting"])
                for one in each["accounts"]
            ],
        )
        for each in document["people"]
    }
    assert told == {
        "ann@example.com": (
            1,
            [
                ("ann", None, False, ["WFM", "QM"], []),
                ("ann.ldap", "ldap", False, ["WFM"], []),
            ],
        ),
        "bob@example.com": (
            1,
            [("bob", None, True, ["WFM"], []), ("bob2", None, True, ["WFM"], [])],
        ),
    }
    assert (document["seats_saved"], document["unverified"], document["complete"]) == (2, 3, True)


def test_the_same_as_csv_and_as_a_table(site: Site) -> None:
    rows = list(csv.DictReader(StringIO(site.call("duplicates", "--csv").done().stdout)))
    table = site.call("duplicates").done().stdout

    assert [(row["username"], row["provider"]) for row in rows] == [
        ("ann", "local"),
        ("ann.ldap", "ldap"),
        ("bob", "local"),
        ("bob2", "local"),
    ]
    assert all(row["username"] in table for row in rows)
    assert "2 people with several accounts; with one each, 2 seats saved" in table
    assert "3 more accounts share an address, but nobody has verified that it is theirs" in table


def test_a_realm_that_is_not_configured_is_refused(site: Site) -> None:
    assert "is not configured" in site.call("duplicates", "--realm", "other").refused(2)
