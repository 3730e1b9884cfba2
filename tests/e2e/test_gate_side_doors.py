"""Mode `gate` for those who come in without the login form: a forgotten password, a new account.

Both log people in without the browser flow, for every application of the realm alike.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.office import WFM_TEXT, Office, open_office, person
from tests.real.keycloak import AdminApi
from tests.real.logins import App, Browser, Page
from tests.real.mailbox import Mailbox

PEOPLE = [
    person("ann", "WFM_AGENT", createdTimestamp=1_700_000_000_001),
    person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002),
]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as made:
        yield made


@pytest.fixture(scope="module")
def office(
    keycloak: AdminApi, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """Ann has the one seat of WFM, and bob waits."""
    offered = {"resetPasswordAllowed": True, "registrationAllowed": True, "smtpServer": mailbox.settings}
    folder = tmp_path_factory.mktemp("side doors") / "site"
    with open_office(keycloak, folder, "gate", users=PEOPLE, **offered) as made:
        made.license({"WFM": 1, "QM": 1})
        yield made


def forget_password(app: App, username: str, mailbox: Mailbox) -> Page:
    """Ask for a link, follow it, and choose another password."""
    browser = Browser()
    form = browser.click(browser.open(app.authorization_url()), "reset-credentials")
    browser.submit(form, {"username": username})
    page = browser.open(mailbox.wait_for_link())
    if page.form.action:
        chosen = {"password-new": "another horse", "password-confirm": "another horse"}
        page = browser.submit(page, chosen, without=("logout-sessions",))
    return page


def register(app: App, username: str) -> Page:
    browser = Browser()
    form = browser.click(browser.open(app.authorization_url()), "registration")
    facts = {"username": username, "email": f"{username}@example.org", "firstName": "N", "lastName": "N"}
    return browser.submit(form, {**facts, "password": "pw", "password-confirm": "pw"})


def test_a_forgotten_password_is_no_way_round_the_gate(
    office: Office, mailbox: Mailbox, tells_clients_apart: bool
) -> None:
    assert forget_password(office.wfm, "ann", mailbox).code
    bobs = forget_password(office.wfm, "bob", mailbox)
    assert WFM_TEXT in bobs.text if tells_clients_apart else bobs.code
    assert office.leaves_shared_doors_open() != tells_clients_apart
    assert forget_password(office.other, "bob", mailbox).code


def test_a_new_account_is_no_way_round_the_gate(office: Office, tells_clients_apart: bool) -> None:
    ninas = register(office.wfm, "nina")
    assert WFM_TEXT in ninas.text if tells_clients_apart else ninas.code
    assert register(office.other, "nora").code


def test_leaving_the_mode_gives_the_realm_back_its_own_flows(
    office: Office, tells_clients_apart: bool
) -> None:
    during = office.realm.get()
    assert during["resetCredentialsFlow"].startswith("license ") == tells_clients_apart
    attributes = {name: value for name, value in during["attributes"].items() if "license" not in name}

    office.choose("observe").sync()
    after = office.realm.get()
    assert (after["resetCredentialsFlow"], after["registrationFlow"]) == ("reset credentials", "registration")
    assert {name: value for name, value in after["attributes"].items() if "license" not in name} == attributes
    assert office.own_names() == set()
