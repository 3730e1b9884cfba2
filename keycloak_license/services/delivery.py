"""Brings what the ledger keeps for people to them.

In: tidings, later the outbox and the ways out; out: deliveries, and how many got through. Called by
`reconcile` for the first half, by `worker` and `cli.sync` for the second. Written with what it tells of, sent
afterwards: whatever happens in between, nothing is lost and nothing is told twice, but what was cut off
between the other side's yes and our keeping it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from uuid import uuid4

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.notice import (
    Channel,
    Delivered,
    Delivery,
    Notice,
    Outcome,
    Refused,
    Telling,
    Tidings,
    Unreachable,
)
from keycloak_license.plan.backoff import is_too_late, next_attempt
from keycloak_license.services.ports import Carrier, Outbox

BEHIND = timedelta(milliseconds=1)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Post:
    """The outbox of some realms, and the ways out."""

    outbox: Outbox
    carriers: Mapping[Channel, Carrier]
    realms: Sequence[str]
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt at one delivery."""

    delivery: Delivery
    outcome: Outcome
    next_at: datetime | None = None
    """When it is tried again; None where it is delivered or given up."""


def make_telling(tidings: Tidings) -> Telling:
    """Return what the ledger has to keep: each notice for each recipient, every one with an id of its own."""
    audience = tidings.audience
    places = [(Channel.MAIL, address) for address in audience.addresses]
    places += [(Channel.WEBHOOK, "")] if audience.has_webhook else []
    deliveries = tuple(
        make_delivery(notice, channel, recipient, audience.locale)
        for notice in tidings.notices
        for channel, recipient in places
    )
    return Telling(tidings.marks, deliveries, audience.addresses)


def make_delivery(notice: Notice, channel: Channel, recipient: str, locale: str) -> Delivery:
    """Return a delivery with an id that no other ever has."""
    return Delivery(str(uuid4()), notice, channel, recipient, locale)


def deliver(post: Post, clock: Clock, *, is_eager: bool = False) -> Iterator[Attempt]:
    """Try everything that is due, and yield what came of each attempt; whoever is eager waits for nothing."""
    if is_eager:
        post.outbox.hasten(post.realms, clock())
    return chain.from_iterable(_deliver_by(post, channel, clock) for channel in post.carriers)


def _deliver_by(post: Post, channel: Channel, clock: Clock) -> Iterator[Attempt]:
    # What fails is due again later, so each is tried once.
    due_by = clock()
    in_hand: list[Delivery] = []
    late: list[Attempt] = []

    def take_all() -> Iterator[Delivery]:
        while not post.should_stop() and (delivery := post.outbox.take(channel, post.realms, due_by)):
            if is_too_late(delivery, due_by):
                post.outbox.record_problem(delivery, due_by, None, None)
                late.append(Attempt(delivery, Refused("it is too late to tell")))
                continue
            in_hand[:] = [delivery]
            yield delivery

    try:
        for delivery, outcome in post.carriers[channel].send(take_all()):
            in_hand.clear()
            yield _settle(post, delivery, outcome, clock())
    except KeycloakLicenseError:
        raise
    except Exception as error:
        # One that cannot be put into words must not keep back all that come after it.
        for delivery in in_hand:
            yield _settle(post, delivery, Refused(f"a fault of ours ({type(error).__name__})"), clock())
        if not in_hand:
            raise
    yield from late


def _settle(post: Post, delivery: Delivery, outcome: Outcome, now: datetime) -> Attempt:
    match outcome:
        case Delivered():
            post.outbox.record_delivered(delivery, now)
            return Attempt(delivery, outcome)
        case Refused() | Unreachable():
            next_at = next_attempt(delivery, outcome, now)
            # After the others, should it be this one that makes the other side go away.
            last = next_at + BEHIND if next_at else None
            post.outbox.record_problem(delivery, now, outcome.problem, last)
            if isinstance(outcome, Unreachable) and next_at is not None:
                # The others would fare no better before.
                attempts = delivery.attempts + 1
                post.outbox.put_off(delivery.channel, post.realms, next_at, attempts, outcome.problem)
            return Attempt(delivery, outcome, next_at)
