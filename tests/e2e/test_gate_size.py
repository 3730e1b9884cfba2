"""Mode `gate` with ten thousand seats: giving them can stop half way, and to end access takes a few calls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import CountingProxy
from tests.e2e.office import EXPIRED_TEXT, PASSWORD, Office, open_office, person
from tests.real.keycloak import AdminApi

SEATS = 10_000
ENOUGH = 10
"""Requests for the end of access, however many have a seat."""


@pytest.fixture
def office(keycloak: AdminApi, tmp_path: Path) -> Iterator[Office]:
    crowd: list[dict[str, Any]] = [
        {"username": f"agent{number}", "enabled": True, "groups": ["/AGENTS"]} for number in range(SEATS - 1)
    ]
    people = [person("ann", "WFM_AGENT"), *crowd]
    groups = [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}]
    with open_office(keycloak, tmp_path / "site", "gate", users=people, groups=groups) as made:
        yield made


def holders(office: Office) -> int:
    own = office.realm.client_uuid("keycloak-license")
    path = f"/clients/{own}/roles/seat-WFM/users"
    return len(office.realm.get(path, max=SEATS + 1, briefRepresentation=True))


@pytest.mark.slow
def test_to_give_many_seats_may_stop_half_way_and_to_end_access_takes_ten_requests(office: Office) -> None:
    url = office.realm.api.url
    half = SEATS // 2

    def stop_half_way(method: str, path: str) -> tuple[int, str, bytes] | None:
        given = sum("/role-mappings/clients/" in each and each.startswith("POST") for each in proxy.seen)
        return (500, "application/json", b"{}") if given > half else None

    with CountingProxy(url, stop_half_way) as proxy:
        office.site.reach(proxy.url)
        file = office.site.license("L", {"WFM": SEATS})
        assert office.site.call("import", file).status == 3
        assert half - 10 < holders(office) <= half
        assert office.gets_in(office.wfm, "ann"), "nobody is gated before everybody has his seat"
        proxy.interfere = lambda _method, _path: None
        proxy.seen.clear()
        office.sync()
        given = sum("/role-mappings/clients/" in each and each.startswith("POST") for each in proxy.seen)
        assert given <= half + 10
        assert holders(office) == SEATS

        tokens = office.tokens(office.wfm, "ann")
        proxy.seen.clear()
        assert office.sync() == []
        quiet = len(proxy.seen)
        proxy.seen.clear()
        office.expire({"WFM": SEATS})
        # An import reads twice, before and after the question; and while attributes are written, threads
        # look at the realm, how often depends on its speed.
        looks = proxy.seen.count(f"GET /admin/realms/{office.realm.name}")
        assert len(proxy.seen) - looks - 2 * quiet <= ENOUGH, proxy.seen
        writes = [each for each in proxy.seen if each.startswith(("PUT", "DELETE"))]
        assert len(writes) == 3, writes
    office.site.reach(url)
    assert EXPIRED_TEXT in office.enter(office.wfm, "ann").text
    assert office.wfm.direct_grant("ann", PASSWORD).status == 401
    assert not office.wfm.refresh(tokens).are_granted
