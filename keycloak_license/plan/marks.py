"""When something that holds is told, and when told again.

In: what holds now, and the marks of what held before; out: the marks of what holds, and what is to be told.
Called by `plan.notices`. A mark lasts as long as what it stands for, so that the same is told once, whoever
restarts, and again only when it has ended in between.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keycloak_license.model.notice import Mark, Notice, OverLimit, ReleasesHeld

DIGEST_AFTER = timedelta(days=1)
"""How often at most people are told of more of the same."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds now."""

    key: str
    """What it is known by from sync to sync."""
    describe: Callable[[], Notice]
    """Returns what would be told for the first time."""
    patience: timedelta = timedelta()
    """How long it has to hold before it is told."""
    since: datetime | None = None
    """Since when it holds, where that is known; otherwise since it was seen first."""
    is_muted: bool = False
    """Whether something more urgent is told in its place."""
    has_news: bool = False
    """Whether there is more of it than at the last sync."""


def tell(
    conditions: Iterable[Condition], marks: Mapping[str, Mark], now: datetime, *, is_anybody_there: bool
) -> tuple[tuple[Notice, ...], tuple[Mark, ...]]:
    """Return what is to be told now, and the marks of the conditions.

    Where nobody is there to be told, it stays due until somebody is.
    """
    notices: list[Notice] = []
    after: list[Mark] = []
    for condition in conditions:
        mark = marks.get(condition.key) or Mark(condition.key, condition.since or now)
        is_again = mark.told_at is not None
        mark = replace(mark, has_news=is_again and (mark.has_news or condition.has_news))
        if is_anybody_there and is_due(mark, now, condition.patience):
            if not condition.is_muted:
                notices.append(_told_again(condition.describe()) if is_again else condition.describe())
            mark = replace(mark, told_at=now, has_news=False)
        after.append(mark)
    return tuple(notices), tuple(after)


def _told_again(notice: Notice) -> Notice:
    return replace(notice, is_digest=True) if isinstance(notice, OverLimit | ReleasesHeld) else notice


def is_due(mark: Mark, now: datetime, patience: timedelta = timedelta()) -> bool:
    """Whether it is to be told now."""
    if mark.told_at is None:
        return now - mark.since >= patience
    return mark.has_news and now - mark.told_at >= DIGEST_AFTER
