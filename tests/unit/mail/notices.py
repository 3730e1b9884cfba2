"""One notice of each kind, with given words and numbers."""

from datetime import date, datetime, timedelta, timezone

from keycloak_license.model.license import Reason
from keycloak_license.model.notice import (
    AccessEnded,
    AccessEnding,
    Channel,
    Delivery,
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

PRAGUE = timezone(timedelta(hours=1))
MORNING = datetime(2026, 12, 1, 6, 0, tzinfo=PRAGUE)
LAST_DAY = date(2026, 12, 31)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=PRAGUE)


def notices_of(text: str, count: int = 3) -> tuple[Notice, ...]:
    """One of each kind, in which every text from outside is the same, and every number too."""
    seats = (SeatsInUse(text, text, count),)
    people = People((text,), count - 1) if count else People(())
    return (
        AccessEnding(
            realm=text,
            at=MORNING,
            number=text,
            customer=text,
            last_day=LAST_DAY,
            stops_at=NEW_YEAR,
            days_left=count,
            remedy=Remedy.RENEW,
            users=count,
            seats=seats,
        ),
        AccessEnded(
            realm=text,
            at=MORNING,
            number=text,
            customer=text,
            stops_at=NEW_YEAR,
            reason=Reason.EXPIRED,
            users=count,
            seats=seats,
        ),
        OverLimit(
            realm=text, at=MORNING, application=text, name=text, limit=count, used=count, waiting=people
        ),
        NearLimit(
            realm=text, at=MORNING, application=text, name=text, limit=2 * count, used=count, percent=count
        ),
        ReleasesHeld(realm=text, at=MORNING, held=(HeldSeats(text, text, people),), release_at=NEW_YEAR),
        SyncsFailing(realm=text, at=MORNING, since=MORNING, reason=text),
        ReadsIncomplete(realm=text, at=MORNING, since=MORNING, gaps=(text,)),
        TrialNotice(realm=text, at=MORNING),
    )


def mail(notice: Notice, locale: str = "en") -> Delivery:
    return Delivery("d1", notice, Channel.MAIL, "eva@example.org", locale)
