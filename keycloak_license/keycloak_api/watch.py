"""What others write to the realm's attributes while we do.

In: a client; out: what our write is to be based on, and what of theirs it undid. Used by `writer`. Keycloak
works on a write for some milliseconds after it has looked at the realm, and until it is done it shows
everybody what was there before: what others had written since we read it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet

WATCHERS = 2
"""Measured on 26.7.3 against a writer that rests 0 to 100 ms between its writes: of those we undid 1 in 9
without looking, and for good 1 in 50 with one thread, 1 in 130 with two; more take Keycloak's time from each
other. What is left changed within about 2 ms before Keycloak looked, and no look fell into the next 4 ms."""

LOOKS_WITHOUT_PAUSE = 20
"""Some ten times as many as fall into a write that takes as long as usual."""
PAUSE_SECONDS = 0.1

Attempt = tuple[Mapping[str, str], list[Mapping[str, str]]]
"""What an attempt to write was based on, and what was seen since."""


class Watch:
    """Reads the realm over and over during each attempt to write."""

    def __init__(self, client: KeycloakClient) -> None:
        self._client = client
        self._earlier: Sequence[Attempt] = ()
        self._attempts: list[Attempt] = []

    def begin_write(self) -> None:
        """Forget all but the last write; one write may take several attempts."""
        self._earlier, self._attempts = self._attempts, []

    @contextmanager
    def look(self) -> Iterator[wire.RealmRepresentation]:
        """Yield the realm as it is right before an attempt, and look until the block ends.

        What was seen earlier may be older than that, and never counts as a change of it.
        """
        before = self._client.peek("", wire.REALM)
        seen: list[Mapping[str, str]] = []
        self._attempts.append((before.attributes, seen))
        done = Event()
        threads = [Thread(target=self._keep_looking, args=(seen, done), daemon=True) for _ in range(WATCHERS)]
        for thread in threads:
            thread.start()
        try:
            yield before
        finally:
            done.set()
            for thread in threads:
                thread.join()

    def find_undone(self, after: Mapping[str, str], ours: Collection[str]) -> list[AttributeChange]:
        """Return what others changed, that was seen, and that `after` does not show.

        In the last write or in the one before: what the last one put back may have been undone in turn.
        """
        undone: dict[str, AttributeChange] = {}
        for before, seen in (*self._earlier, *self._attempts):
            undone |= {each.name: each for each in find_overwritten(before, seen, after, ours)}
        return list(undone.values())

    def _keep_looking(self, seen: list[Mapping[str, str]], done: Event) -> None:
        for looks in count():
            if done.wait(0 if looks < LOOKS_WITHOUT_PAUSE else PAUSE_SECONDS):
                return
            try:
                seen.append(self._client.peek("", wire.REALM).attributes)
            except KeycloakLicenseError:
                # It only watches: whoever writes finds out by himself.
                return


def find_overwritten(
    before: Mapping[str, str],
    seen: Iterable[Mapping[str, str]],
    after: Mapping[str, str],
    ours: Collection[str],
) -> list[AttributeChange]:
    """Return what others changed, that was seen, and that is again as it was before."""
    lost: dict[str, AttributeChange] = {}
    for attributes in seen:
        for name in (attributes.keys() | before.keys()).difference(ours):
            value, earlier = attributes.get(name), before.get(name)
            if value != earlier and after.get(name) == earlier:
                lost[name] = AttributeRemoved(name) if value is None else AttributeSet(name, value)
    return list(lost.values())
