"""Mode `gate`, by real logins: who gets in before and after a seat, its loss, expiry and renewal."""

from collections.abc import Iterator

import pytest

from tests.e2e.office import EXPIRED_TEXT, PASSWORD, QM_TEXT, WFM_TEXT, Office, open_office, person
from tests.real.keycloak import AdminApi
from tests.real.logins import Browser

PEOPLE = [
    person("ann", "WFM_AGENT", "QM_AGENT", "offline_access", createdTimestamp=1_700_000_000_001),
    person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002),
    person("eve"),
    person("eleveo.admin", "WFM_AGENT"),
]


@pytest.fixture(scope="module")
def house(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(keycloak, tmp_path_factory.mktemp("house") / "site", "gate", users=PEOPLE) as made:
        yield made


@pytest.fixture
def office(house: Office) -> Office:
    """Ann has the one seat of WFM and that of QM, and bob waits, however the last test left it."""
    for who in ("ann", "bob"):
        house.fire(who, "WFM_AGENT")
    house.sync()
    house.hire("ann", "WFM_AGENT")
    house.license({"WFM": 1, "QM": 1})
    house.hire("bob", "WFM_AGENT")
    house.sync()
    return house


def test_only_who_has_a_seat_gets_in_and_the_others_read_why_and_whom_to_ask(office: Office) -> None:
    assert office.gets_in(office.wfm, "ann")
    assert office.gets_in(office.qm, "ann")

    refused = office.enter(office.wfm, "bob")
    assert (refused.code, refused.status) == (None, 401)
    assert WFM_TEXT in refused.text
    assert QM_TEXT in office.enter(office.qm, "bob").text
    assert WFM_TEXT in office.enter(office.wfm, "eve").text


def test_the_other_applications_stay_open_and_exempt_users_need_no_seat(office: Office) -> None:
    assert all(office.gets_in(office.other, who) for who in ("ann", "bob", "eve"))
    assert office.gets_in(office.wfm, "eleveo.admin")
    assert office.site.usage() == (1, 1, 1)


def test_a_session_with_another_application_opens_no_door(office: Office) -> None:
    browser = Browser()
    assert office.enter(office.other, "bob", browser).code
    assert WFM_TEXT in browser.open(office.wfm.authorization_url()).text

    signed_in = Browser()
    assert office.enter(office.other, "ann", signed_in).code
    assert signed_in.open(office.wfm.authorization_url()).code


def test_a_direct_grant_needs_a_seat_too(office: Office) -> None:
    assert office.wfm.direct_grant("ann", PASSWORD).are_granted
    refused = office.wfm.direct_grant("bob", PASSWORD)
    assert refused.status == 401
    assert "access_token" not in refused.answer
    assert office.other.direct_grant("bob", PASSWORD).are_granted


def test_a_device_login_needs_a_seat_too(office: Office) -> None:
    def log_in(username: str) -> tuple[int, str]:
        started = office.wfm.start_device()
        browser = Browser()
        form = browser.open(started["verification_uri_complete"])
        page = browser.submit(form, {"username": username, "password": PASSWORD})
        if page.status == 200:
            browser.submit(page, {"accept": "Yes"}, without=("cancel",))
        return office.wfm.poll_device(started).status, page.text

    assert log_in("ann")[0] == 200
    status, text = log_in("bob")
    assert status == 400
    assert WFM_TEXT in text


def test_a_freed_seat_lets_the_next_one_in_and_the_last_one_out(office: Office) -> None:
    before = office.tokens(office.wfm, "ann")
    elsewhere = office.tokens(office.other, "ann")
    assert office.wfm.refresh(before).are_granted

    office.fire("ann", "WFM_AGENT")
    kinds = [(each["kind"], each["username"]) for each in office.sync()]

    assert ("seat_role_removed", "ann") in kinds
    assert ("seat_role_assigned", "bob") in kinds
    assert office.gets_in(office.wfm, "bob")
    assert WFM_TEXT in office.enter(office.wfm, "ann").text
    assert office.gets_in(office.qm, "ann")
    assert not office.wfm.refresh(before).are_granted
    assert office.other.refresh(elsewhere).are_granted


def test_tokens_for_offline_use_end_as_well(office: Office) -> None:
    offline = office.wfm.direct_grant("ann", PASSWORD, "openid offline_access")
    elsewhere = office.qm.direct_grant("ann", PASSWORD, "openid offline_access")
    office.fire("ann", "WFM_AGENT")
    office.sync()
    assert not office.wfm.refresh(offline).are_granted
    assert office.qm.refresh(elsewhere).are_granted

    office.expire({"WFM": 1, "QM": 1})
    assert not office.qm.refresh(elsewhere).are_granted


def test_when_the_licence_expires_everybody_is_out_and_a_renewal_lets_the_same_people_in(
    office: Office,
) -> None:
    tokens = office.tokens(office.wfm, "ann")
    elsewhere = office.tokens(office.other, "ann")

    kinds = [each["kind"] for each in office.expire({"WFM": 1, "QM": 1})]
    assert kinds == ["access_closed", "access_closed", "seat_role_removed"]  # of the exempt one
    assert EXPIRED_TEXT in office.enter(office.wfm, "ann").text
    assert WFM_TEXT in office.enter(office.wfm, "eleveo.admin").text
    assert office.wfm.direct_grant("ann", PASSWORD).status == 401
    assert office.wfm.refresh(tokens).answer["error_description"] == "Stale token"
    assert office.other.refresh(elsewhere).are_granted
    assert office.gets_in(office.other, "ann")

    office.license({"WFM": 1, "QM": 1})
    assert office.gets_in(office.wfm, "ann")
    assert office.gets_in(office.qm, "ann")
    assert office.gets_in(office.wfm, "eleveo.admin")
    assert WFM_TEXT in office.enter(office.wfm, "bob").text


def test_of_two_applications_only_the_one_closes_whose_licence_ended(office: Office) -> None:
    """A renewal that leaves one application out ends that one only."""
    wfm, qm = office.tokens(office.wfm, "ann"), office.tokens(office.qm, "ann")
    office.license({"QM": 1})

    assert office.gets_in(office.qm, "ann")
    assert office.qm.refresh(qm).are_granted
    assert "Workforce Management is not part of the licence." in office.enter(office.wfm, "ann").text
    assert not office.wfm.refresh(wfm).are_granted
    assert not office.gets_in(office.wfm, "eleveo.admin")
    assert office.site.usage("QM") == (1, 1, 0)
