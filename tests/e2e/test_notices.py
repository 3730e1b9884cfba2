"""People hear: real Keycloak, real mail server, real processes."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook

from keycloak_license.bootstrap import open_database, open_post
from keycloak_license.ledger.connection import create_ledger_engine, writing
from keycloak_license.ledger.tables import outbox
from keycloak_license.model.notice import Unreachable
from keycloak_license.services.delivery import deliver
from keycloak_license.settings import load_settings
from tests.e2e.cli import Site, day, free_port, make_site
from tests.e2e.test_worker import APPLICATIONS, EVERY_SECOND, Worker, map_role
from tests.real.hook import RealHook
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.mailserver import RealMailServer, ReceivedMail

USER, PASSWORD = "sidecar", "hunter2-of-the-mail"
MANAGERS = ("eva@example.org", "lea@example.org")


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"username": name, "enabled": True, "email": f"{name}@example.org", **more}


REPRESENTATION = {
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "manage-licenses"}]},
    "groups": [{"name": "LEADS", "realmRoles": ["manage-licenses"]}],
    "users": [
        person("eva", realmRoles=["manage-licenses"]),
        person("lea", groups=["/LEADS"]),
        person("gone", realmRoles=["manage-licenses"], enabled=False),
        {"username": "mute", "enabled": True, "realmRoles": ["manage-licenses"]},
        *(person(name) for name in ("ann", "bob", "cid")),
    ],
}


@pytest.fixture(scope="module")
def shared_realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    with temporary_realm(keycloak, REPRESENTATION) as realm:
        make_site(tmp_path_factory.mktemp("notices"), realm).init().done()
        yield realm


@dataclass
class Company:
    """A site whose mails go to a server of the test."""

    site: Site
    mailbox: RealMailServer
    changes: dict[str, Any] = field(default_factory=dict)

    def configure(self, **mail: Any) -> Site:
        """Write the configuration, with other settings of mail where they are given."""
        mailbox = self.mailbox
        settings = {
            "host": "localhost",
            "port": mailbox.port,
            "verify_tls": str(mailbox.ca_file),
            "username": USER,
            "password": PASSWORD,
            "sender": "Licences <licences@example.com>",
        }
        self.site.settings["mail"] = settings | mail
        return self.site.configure(**self.changes)

    def hire(self, *names: str) -> None:
        for name in names:
            map_role("post", self.site.realm, name)

    def license(self, seats: int, **facts: Any) -> None:
        """Import a licence, by default one that does not end soon."""
        file = self.site.license("A-1", {"WFM": seats}, **{"expires_on": day(90), **facts})
        self.site.call("import", "--replace", file).done()

    def sync(self) -> Any:
        return self.site.call("sync", "--json").document


@pytest.fixture
def mailbox() -> Iterator[RealMailServer]:
    with RealMailServer("starttls", user=USER, password=PASSWORD) as server:
        yield server


@pytest.fixture
def company(shared_realm: RealRealm, mailbox: RealMailServer, tmp_path: Path) -> Company:
    """The same realm each time; nobody has a seat yet, and there is no licence."""
    foreign = {k: v for k, v in shared_realm.get()["attributes"].items() if not k.startswith("license.")}
    shared_realm.put("", {"attributes": foreign})
    for name in ("ann", "bob", "cid"):
        map_role("delete", shared_realm, name)
    site = make_site(tmp_path / "site", shared_realm, applications=APPLICATIONS, sync=EVERY_SECOND)
    company = Company(site, mailbox)
    company.configure()
    return company


def to_whom(mails: list[ReceivedMail]) -> list[str]:
    return sorted(address for mail in mails for address in mail.recipients)


def test_the_seeds_first_mail_says_what_stops_when_for_whom_and_what_to_do(company: Company) -> None:
    company.hire("ann", "bob")
    company.license(5, expires_on=day(14), customer="Přístav Ústí")
    document = company.sync()
    mails = company.mailbox.wait_for(2)
    assert to_whom(mails) == list(MANAGERS)
    assert {(mail.user, mail.is_encrypted, mail.sender) for mail in mails} == {
        ("sidecar", True, "licences@example.com")
    }
    assert document["notices"] == []  # the import planned it, the sync delivered it

    realm, last_day = company.site.realm.name, date.fromisoformat(day(14))
    written = f"{last_day.day} {last_day:%B %Y}"
    after = last_day + timedelta(days=1)
    message = mails[0].message
    assert message["Subject"] == f"[{realm}] Access ends on {written}: renew licence A-1"
    assert message["From"] == "Licences <licences@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = mails[0].body("plain")
    for line in (
        f"Access to WFM ends on {after.day} {after:%B %Y} at 00:00 (UTC+00:00). "
        f"The last day is {written}: 14 days are left.",
        f"Realm: {realm}",
        "Licence: A-1",
        "Customer: Přístav Ústí",
        f"Last day of access: {written}",
        f"No access from: {after.day} {after:%B %Y} at 00:00 (UTC+00:00)",
        "People affected (each counted once): 2",
        "WFM: 2 people",
        "Ask the vendor for a renewal of licence A-1, and import it before access ends:",
        f"    keycloak-license import FILE --realm {realm}",
    ):
        assert line in text.splitlines()
    assert words(mails[0].body("html")) >= words(text)

    company.sync()
    assert len(company.mailbox.mails) == 2


def words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", re.sub("<[^>]*>", " ", text)))


def test_the_seeds_second_mail_names_realm_application_limit_and_who_waits(company: Company) -> None:
    company.license(1)
    company.hire("ann")
    company.sync()
    company.hire("bob", "cid")
    before = len(company.mailbox.mails)
    document = company.sync()
    assert document["notices"] == [{"kind": "over_limit", "application": "WFM"}]
    mails = company.mailbox.wait_for(before + 2)[before:]
    assert to_whom(mails) == list(MANAGERS)

    realm = company.site.realm.name
    assert mails[0].message["Subject"] == f"[{realm}] No free seat: 2 people wait for WFM"
    lines = mails[0].body("plain").splitlines()
    for line in (f"Realm: {realm}", "Application: WFM", "Seats: 1", "Taken: 1"):
        assert line in lines, lines
    assert {"1. bob", "2. cid"} <= set(lines) or {"1. cid", "2. bob"} <= set(lines)
    company.sync()
    assert len(company.mailbox.mails) == before + 2


def test_at_the_limit_nobody_waits_and_nobody_is_told_so(company: Company) -> None:
    company.site.settings["mail"]["usage_notice_percents"] = []
    company.site.configure()
    company.license(2)
    company.hire("ann", "bob")
    company.sync()
    assert [
        mail.message["Subject"] for mail in company.mailbox.mails if "seat" in mail.message["Subject"]
    ] == []


def test_who_has_no_address_is_named_in_status_and_by_doctor(company: Company) -> None:
    company.license(5)
    company.sync()
    [warning] = (each for each in company.site.status()["warnings"] if "will not hear" in each)
    assert "seats run out: mute;" in warning
    lines = company.site.call("doctor").stdout.splitlines()
    assert (
        "ok   audience: mails go to 2, days before access ends: 30, 0; without a usable address, and so "
        "not told: mute" in lines
    )
    [found] = (line for line in lines if line.startswith("ok   mail: "))
    assert "logged in as sidecar" in found


def test_mails_are_in_czech_in_a_czech_realm(company: Company) -> None:
    company.site.realm.put("", {"internationalizationEnabled": True, "defaultLocale": "cs"})
    try:
        company.license(5, expires_on=day(14))
        company.sync()
        [mail, _] = company.mailbox.wait_for(2)
    finally:
        company.site.realm.put("", {"internationalizationEnabled": False})
    assert mail.message["Content-Language"] == "cs"
    assert mail.message["Subject"].startswith(f"[{company.site.realm.name}] Přístup končí ")


def test_the_days_are_those_that_a_realm_admin_sets(company: Company) -> None:
    realm = company.site.realm

    def set_days(days: str) -> None:
        realm.put("", {"attributes": realm.get()["attributes"] | {"license.expiry_notice_days": days}})

    set_days("7")
    company.license(5, expires_on=day(10))
    assert company.sync()["notices"] == []
    set_days("10")
    assert [each["kind"] for each in company.sync()["notices"]] == ["access_ending"]
    assert to_whom(company.mailbox.wait_for(2)) == list(MANAGERS)


def test_while_the_mail_server_is_down_a_sync_says_so_and_the_next_one_delivers_once(
    company: Company,
) -> None:
    company.mailbox.stop()
    company.license(1)
    company.hire("ann", "bob")
    ended = company.site.call("sync").done()
    [warning] = (line for line in ended.warnings if "Not all notices" in line)
    assert "cannot be reached (connection refused)" in warning
    [waiting] = (each for each in company.site.status()["warnings"] if "Notices wait" in each)
    assert "cannot be reached" in waiting
    failed = company.site.call("doctor")
    assert failed.status == 3
    assert "FAIL mail: The mail server localhost:" in failed.stdout

    company.mailbox.start()
    company.sync()
    assert to_whom(company.mailbox.wait_for(2)) == list(MANAGERS)
    company.sync()
    assert len(company.mailbox.mails) == 2
    assert not any("Notices" in each for each in company.site.status()["warnings"])


def test_after_an_hour_without_a_server_each_mail_arrives_once(company: Company) -> None:
    company.configure(usage_notice_percents=[])
    company.mailbox.stop()
    company.license(1)
    company.hire("ann", "bob")
    company.sync()
    settings = load_settings(company.site.config, {})
    with closing(open_database(settings)) as ledger:
        begin = datetime.now(UTC)
        realm = company.site.realm.name
        post = open_post(settings, ledger, [realm])
        attempts = [
            attempt
            for seconds in range(0, 3600, 5)
            for attempt in deliver(post, partial(_after, begin, seconds))
        ]
        assert {type(each.outcome) for each in attempts} == {Unreachable}
        assert len(attempts) < 15
        company.mailbox.start()
        for seconds in range(3600, 2 * 3600, 5):
            attempts = list(deliver(post, partial(_after, begin, seconds)))
            assert not attempts or seconds <= 3600 + 600
    assert to_whom(company.mailbox.mails) == list(MANAGERS)
    assert len({mail.message["Message-ID"] for mail in company.mailbox.mails}) == 2


def _after(begin: datetime, seconds: int) -> datetime:
    return begin + timedelta(seconds=seconds)


def test_a_wrong_password_is_one_sentence_and_stands_nowhere(company: Company) -> None:
    company.configure(password="wrong-horse")
    company.license(1)
    company.hire("ann", "bob")
    ended = company.site.call("sync").done()
    assert "the login is refused: 535" in ended.stderr
    failed = company.site.call("doctor")
    assert failed.status == 2
    assert "FAIL mail: The login is refused: 535" in failed.stdout
    assert "wrong-horse" not in ended.stderr + ended.stdout + failed.stdout + failed.stderr


def test_doctor_sends_a_test_mail_and_a_test_post(company: Company) -> None:
    with RealHook() as hook:
        company.changes = {"webhook": {"url": hook.url, "secret": "of-the-hook"}}
        company.configure()
        done = company.site.call("doctor", "--mail", "ops@example.com", "--webhook")
        assert "ok   test mail: handed over for ops@example.com: see whether it arrives" in done.stdout
        assert "ok   test post: accepted" in done.stdout
        assert json.loads(hook.wait_for(1)[0].body)["type"] == "license.test"
    [mail] = company.mailbox.wait_for(1)
    assert mail.recipients == ("ops@example.com",)
    assert company.site.realm.name in mail.body("plain")
    wrong = company.site.call("doctor", "--mail", "ops at example.com")
    assert wrong.status == 2
    assert "'ops at example.com' is no mail address" in wrong.stdout


def test_a_webhook_hears_the_same_signed(company: Company) -> None:
    with RealHook() as hook:
        company.changes = {"webhook": {"url": hook.url, "secret": "of-the-hook"}}
        company.configure(usage_notice_percents=[])
        company.license(1)
        company.hire("ann", "bob")
        hook.statuses = [500]
        company.sync()
        company.sync()
        company.sync()
        first, second = hook.wait_for(2)
        assert len(hook.requests) == 2
    assert first.body == second.body
    document = Webhook(b"of-the-hook").verify(second.body, dict(second.headers.items()))
    assert (document["type"], document["realm"]) == ("license.over_limit", company.site.realm.name)
    assert document["data"]["limit"] == 1
    assert document["id"] == second.headers["webhook-id"]


def test_a_worker_tells_by_itself_and_its_log_names_nobody(company: Company) -> None:
    company.configure(usage_notice_percents=[])
    company.license(1)
    with Worker(company.site) as worker:
        worker.wait_for("worker_started")
        company.hire("ann", "bob")
        assert to_whom(company.mailbox.wait_for(2)) == list(MANAGERS)
        worker.wait_for("notice_delivered", kind="over_limit", channel="mail")
        company.mailbox.stop()
        company.hire("cid")
        map_role("delete", company.site.realm, "bob")
        map_role("delete", company.site.realm, "cid")
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        told = json.dumps(worker.events)
    assert "@example" not in told
    assert PASSWORD not in told
    assert not re.search(r"\b(ann|bob|eva|lea|mute)\b", told)


def test_who_is_killed_between_the_servers_yes_and_keeping_it_delivers_that_one_twice(
    company: Company,
) -> None:
    company.configure(usage_notice_percents=[])
    company.license(1)
    company.hire("ann", "bob")
    with Worker(company.site) as worker:
        company.mailbox.on_mail = lambda: worker.signal(signal.SIGKILL)
        company.mailbox.wait_for(1)
        assert worker.ended() == -signal.SIGKILL
    company.mailbox.on_mail = lambda: None
    company.sync()
    assert len(company.mailbox.wait_for(2)) == 2  # the other one; the first is somebody's, as far as is known
    _let_claims_run_out(company.site)
    company.sync()
    mails = company.mailbox.wait_for(3)
    company.sync()
    assert len(company.mailbox.mails) == 3
    ids = [mail.message["Message-ID"] for mail in mails]
    assert ids[0] == ids[2] != ids[1]
    assert to_whom(mails[1:]) == list(MANAGERS)


def _let_claims_run_out(site: Site) -> None:
    engine = create_ledger_engine(f"sqlite:///{site.ledger}")
    with closing(engine.raw_connection()), writing(engine) as connection:
        past = datetime(2000, 1, 1, tzinfo=UTC)
        held = outbox.c.claimed_until.is_not(None)
        connection.execute(update(outbox).where(held).values(claimed_until=past))
    engine.dispose()


def test_two_workers_tell_once(company: Company) -> None:
    company.configure(usage_notice_percents=[])
    company.license(1)
    with Worker(company.site) as one:
        one.wait_for("worker_started")
        company.changes = {"web": {"port": free_port(), "management_port": free_port()}}
        company.configure(usage_notice_percents=[])
        with Worker(company.site) as other:
            other.wait_for("realms_shared", workers=2)
            company.hire("ann", "bob")
            company.mailbox.wait_for(2)
            for worker in (one, other):
                worker.signal(signal.SIGTERM)
                assert worker.ended() == 0
    company.sync()
    assert to_whom(company.mailbox.mails) == list(MANAGERS)


@pytest.mark.parametrize(
    "name", ["Ann\r\nBcc: all@example.org", "<script>alert(1)</script>", "ann\u202e\u2028x"]
)
def test_no_name_forges_a_header_or_a_line(company: Company, name: str) -> None:
    company.changes = {"applications": {"WFM": {"name": name, "roles": ["WFM_*"]}}}
    company.configure(usage_notice_percents=[])
    company.license(1)
    company.hire("ann", "bob")
    company.sync()
    for mail in company.mailbox.wait_for(2):
        assert set(mail.recipients) <= set(MANAGERS)
        assert "Bcc" not in mail.message
        assert "\u2028" not in mail.body("plain")
        assert "<script>" not in mail.body("html")
        assert not any(line.startswith("Bcc") for line in mail.body("plain").splitlines())
