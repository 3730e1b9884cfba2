"""Asks for events since an instant, of a Keycloak that may know days only.

In: a client, an instant and how to read; out: pages of events, newest first. Called by `events` and `logins`.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from keycloak_license.errors import RejectedRequestError
from keycloak_license.keycloak_api.client import KeycloakClient, Param


class Event(Protocol):
    """Anything that has happened."""

    @property
    def time(self) -> int:
        """In milliseconds since 1970."""


E = TypeVar("E", bound=Event)


def pages_since(
    client: KeycloakClient, since: int, read: Callable[[Param], Iterator[list[E]]]
) -> Iterator[list[E]]:
    """Yield the events since an instant in milliseconds, in pages that are not empty.

    `read` gets what to ask for as ``dateFrom``, and yields pages, newest first. Keycloak 26.0 knows no
    instants there and refuses them; then the day before is asked for, wherever its server may be, and what is
    older is left out here. The client remembers it.
    """
    if client.knows_instants:
        try:
            yield from filter(None, read(since))
        except RejectedRequestError:
            client.knows_instants = False
        else:
            return
    for page in read(_day_before(since)):
        fresh = [event for event in page if event.time >= since]
        if fresh:
            yield fresh
        if len(fresh) < len(page):
            return


def _day_before(since: int) -> str:
    return (datetime.fromtimestamp(since / 1000, UTC) - timedelta(days=1)).date().isoformat()
