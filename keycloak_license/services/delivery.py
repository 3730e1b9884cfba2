"""Brings what the ledger keeps for people to them.

In: tidings, later the outbox and the ways out; out: deliveries, and how many got through. Called by
`reconcile` for the first half, by `worker` and `cli.sync` for the second. Written with what it tells of, sent
afterwards: whatever happens in between, nothing is lost and nothing is told twice, but what was cut off
between the other side's yes and our keeping it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import uuid4

from keycloak_license.model.notice import (
    Channel,
    Delivered,
    Delivery,
    Outcome,
    Refused,
    Telling,
    Tidings,
    Unreachable,
)
from keycloak_license.plan.backoff import next_attempt
from keycloak_license.services.ports import Carrier, Outbox


@dataclass(frozen=True, slots=True)
class Post:
    """The outbox of some realms, and the ways out."""

    outbox: Outbox
    carriers: Mapping[Channel, Carrier]
    realms: Sequence[str]


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
        Delivery(str(uuid4()), notice, channel, recipient, audience.locale)
        for notice in tidings.notices
        for channel, recipient in places
    )
    return Telling(tidings.marks, deliveries)


def deliver(post: Post, clock: Callable[[], datetime], *, is_eager: bool = False) -> Iterator[Attempt]:
    """Try everything that is due, and yield what came of each attempt; whoever is eager waits for nothing."""
    if is_eager:
        post.outbox.hasten(post.realms, clock())
    return chain.from_iterable(_deliver_by(post, channel, clock) for channel in post.carriers)


def _deliver_by(post: Post, channel: Channel, clock: Callable[[], datetime]) -> Iterator[Attempt]:
    # What fails is due again later, so each is tried once.
    due_by = clock()

    def take_all() -> Iterator[Delivery]:
        while (delivery := post.outbox.take(channel, post.realms, due_by)) is not None:
            yield delivery

    for delivery, outcome in post.carriers[channel].send(take_all()):
        yield _settle(post, delivery, outcome, clock())


def _settle(post: Post, delivery: Delivery, outcome: Outcome, now: datetime) -> Attempt:
    match outcome:
        case Delivered():
            post.outbox.record_delivered(delivery, now)
            return Attempt(delivery, outcome)
        case Refused() | Unreachable():
            next_at = next_attempt(delivery, outcome, now)
            post.outbox.record_problem(delivery, now, outcome.problem, next_at)
            if isinstance(outcome, Unreachable) and next_at is not None:
                # The others would fare no better before.
                post.outbox.put_off(delivery.channel, post.realms, next_at)
            return Attempt(delivery, outcome, next_at)
