"""Every mail as people read it, in every language; the HTML once for each kind.

The scene: realm acme in Prague, on the first of December, with a licence that ends with the year.
"""

from dataclasses import replace

import pytest

from keycloak_license.mail.messages import compose
from keycloak_license.mail.wording import LANGUAGES
from keycloak_license.model.license import Reason
from keycloak_license.model.notice import (
    AccessEnded,
    AccessEnding,
    HeldSeats,
    NearLimit,
    Notice,
    OverLimit,
    People,
    ReadsIncomplete,
    ReleasesHeld,
    Remedy,
    SeatsInUse,
    SyncsFailing,
    TrialNotice,
)
from tests.golden.conftest import GoldenText
from tests.unit.mail.notices import LAST_DAY, MORNING, NEW_YEAR, mail

QM, WFM = ("QM", "Quality Management"), ("WFM", "Workforce Management")

ENDING = AccessEnding(
    realm="acme",
    at=MORNING,
    number="A-1",
    customer="Přístav Ústí, s.r.o.",
    last_day=LAST_DAY,
    stops_at=NEW_YEAR,
    days_left=30,
    remedy=Remedy.RENEW,
    users=1040,
    seats=(SeatsInUse(*QM, 12), SeatsInUse(*WFM, 1032)),
)
ENDED = AccessEnded(
    realm="acme",
    at=MORNING,
    number="A-1",
    customer="Přístav Ústí, s.r.o.",
    stops_at=NEW_YEAR,
    reason=Reason.EXPIRED,
    users=40,
    seats=(SeatsInUse(*QM, 12), SeatsInUse(*WFM, 32)),
)
OVER = OverLimit(
    realm="acme",
    at=MORNING,
    application="WFM",
    name="Workforce Management",
    limit=50,
    used=50,
    waiting=People(("anna", "žofie")),
)
NEAR = NearLimit(
    realm="acme", at=MORNING, application="WFM", name="Workforce Management", limit=50, used=46, percent=90
)
HELD = ReleasesHeld(
    realm="acme",
    at=MORNING,
    release_at=MORNING.replace(day=2),
    held=(HeldSeats(*QM, People(("boris",))), HeldSeats(*WFM, People(("anna", "boris"), more=12))),
)

KINDS: dict[str, Notice] = {
    "access_ending": ENDING,
    "access_ended": ENDED,
    "over_limit": OVER,
    "near_limit": NEAR,
    "releases_held": HELD,
    "syncs_failing": SyncsFailing(
        realm="acme",
        at=MORNING,
        since=MORNING.replace(hour=5),
        reason="Keycloak at http://keycloak:8080 does not answer: start it or correct keycloak.url",
    ),
    "reads_incomplete": ReadsIncomplete(
        realm="acme",
        at=MORNING,
        since=MORNING.replace(hour=5),
        gaps=("user storage provider corp does not answer", "the members of AGENTS were not read (HTTP 500)"),
    ),
    "test": TrialNotice(realm="acme", at=MORNING),
}

VARIANTS: dict[str, Notice] = {
    "access_ending-tomorrow": replace(ENDING, days_left=1),
    "access_ending-last_day": replace(ENDING, days_left=0),
    "access_ending-activate": replace(ENDING, days_left=3, remedy=Remedy.ACTIVATE, seats=ENDING.seats[1:]),
    "access_ending-unused": replace(ENDING, users=0, seats=()),
    "access_ended-grace_over": replace(ENDED, reason=Reason.GRACE_OVER, seats=ENDED.seats[:1]),
    "access_ended-no_license": replace(
        ENDED, reason=Reason.NO_LICENSE, stops_at=None, number="", customer=""
    ),
    "access_ended-other_installation": replace(ENDED, reason=Reason.OTHER_INSTALLATION, stops_at=None),
    "over_limit-one": replace(OVER, waiting=People(("anna",)), limit=1, used=1),
    "over_limit-digest": replace(OVER, waiting=People(("anna", "žofie"), more=3), is_digest=True),
    "over_limit-unlicensed": replace(OVER, is_licensed=False, limit=0, used=0),
    "over_limit-unlicensed_digest": replace(
        OVER, waiting=People(("anna",), more=1), is_licensed=False, is_digest=True, limit=0, used=0
    ),
    "near_limit-one": replace(NEAR, used=49),
    "near_limit-many": replace(NEAR, limit=12000, used=10800),
    "near_limit-none": replace(NEAR, used=50, percent=100),
    "releases_held-one": replace(HELD, held=HELD.held[:1]),
    "releases_held-digest": replace(HELD, held=(HeldSeats(*WFM, People(("anna", "boris"))),), is_digest=True),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", KINDS | VARIANTS)
def test_a_mail_says_what_it_said(language: str, name: str, golden_text: GoldenText) -> None:
    message = compose(mail((KINDS | VARIANTS)[name], language))
    golden_text(f"mails/{language}/{name}.txt", f"Subject: {message.subject}\n\n{message.text}")
    if name in KINDS:
        golden_text(f"mails/{language}/{name}.html", message.html)
