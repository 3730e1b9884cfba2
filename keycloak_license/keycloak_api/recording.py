"""Whether a realm records its admin events, so that changes can be asked for and not only read anew.

In: a client; out: a sentence for `probe`; with an administrator's login, events switched on, or off again as
they were found. Called by `provision`, `probe` and `cli.init`.
"""

from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.clients import change_client
from keycloak_license.keycloak_api.writer import write_attributes
from keycloak_license.model.changes import AttributeRemoved, AttributeSet

NAME = "admin events"
EXPIRATION = "adminEventsExpiration"
"""A realm attribute of Keycloak's own: seconds after which it deletes an event; 0 or none for never."""
DAY_SECONDS = 86_400
DEFAULT_DAYS = 7
INTERVALS_TO_KEEP = 10
"""Events that are deleted sooner may be gone before a worker that is late has seen them."""

_WITHOUT = "so that changes are seen by full reads only"
_ADVICE = "their table grows without end, so set an expiration under Realm settings, Events"
_UNITS = (("day", DAY_SECONDS), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class AdminEvents:
    """How a realm records admin events."""

    realm_id: str
    is_on: bool
    expiration: str | None
    """The attribute as it stands there."""

    @classmethod
    def read(cls, client: KeycloakClient) -> Self:
        """Ask a realm; needs view-realm."""
        found = client.get("", wire.REALM)
        return cls(found.id, found.admin_events_enabled, found.attributes.get(EXPIRATION))

    @property
    def kept_seconds(self) -> int | None:
        """How long an event is kept; None for ever."""
        digits = (self.expiration or "").strip()
        return int(digits) or None if digits.isdecimal() else None

    @property
    def kept(self) -> str:
        """How long an event is kept, for sentences."""
        return "kept for ever" if self.kept_seconds is None else f"kept for {_show(self.kept_seconds)}"


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of switching."""

    what: tuple[str, ...] = ()
    """The name of what was changed, if it was."""
    told: tuple[str, ...] = ()
    """A sentence where something stays as it is."""


class Mark(BaseModel):
    """What we set and what was there before, as an attribute of our client, in JSON."""

    model_config = ConfigDict(frozen=True)

    expiration: str
    before: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """That admin events are to be recorded."""

    days: int | None = None
    """How long to keep one; None for what the realm says, or a week where it says nothing."""


class Recording:
    """Switches admin events of a realm on, and off again if nobody has changed the setting meanwhile.

    Which that was stands with our client, as it is in the realm that it logs in to.
    """

    def __init__(
        self, realm: KeycloakClient, auth_realm: KeycloakClient, own: wire.OwnedClientRepresentation
    ) -> None:
        self._realm = realm
        self._auth_realm = auth_realm
        self._own = own

    def switch_on(self, wish: Wish) -> Switched:
        """Switch events on where they are off.

        Those that are on already stay as they are; only what we set ourselves may get another number of days.
        What broke off in between is made good by the next call, or undone by `switch_off`: the mark comes
        first, and events are not on before they expire.
        """
        events = AdminEvents.read(self._realm)
        mark = self._read_mark(events)
        ours = mark if mark is not None and mark.expiration == events.expiration else None
        wanted = wish.days * DAY_SECONDS if wish.days else events.kept_seconds or DEFAULT_DAYS * DAY_SECONDS
        if events.is_on and wanted == events.kept_seconds:
            return Switched()
        if events.is_on and ours is None:
            told = f"{self._those} were on already, {events.kept}, and stay as they are"
            return Switched(told=(told if events.kept_seconds else f"{told}: {_ADVICE}",))
        before = events.expiration if ours is None else ours.before
        self._write_mark(events, Mark(expiration=str(wanted), before=before))
        write_attributes(self._realm, [AttributeSet(EXPIRATION, str(wanted))])
        self._set_enabled(is_on=True)
        return Switched((NAME,))

    def switch_off(self) -> Switched:
        """Leave the setting as it was before `switch_on`; one that somebody has changed since stays."""
        events = AdminEvents.read(self._realm)
        mark = self._read_mark(events)
        if mark is None:
            return Switched()
        result = self._restore(events, mark)
        self._write_mark(events, None)
        return result

    def _restore(self, events: AdminEvents, mark: Mark) -> Switched:
        if events.expiration != mark.expiration:
            told = f"{self._those} were changed since init, and stay on, {events.kept}"
            return Switched(told=(told,) if events.is_on else ())
        if events.is_on:
            self._set_enabled(is_on=False)
        before = (
            AttributeRemoved(EXPIRATION) if mark.before is None else AttributeSet(EXPIRATION, mark.before)
        )
        write_attributes(self._realm, [before])
        return Switched((NAME,) if events.is_on or mark.before != mark.expiration else ())

    def _set_enabled(self, *, is_on: bool) -> None:
        # Measured on 26.7.3: this touches nothing else. PUT events/config without its other fields switches
        # the users' events off, and with them it makes a list of types of what was all of them.
        self._realm.put("", {"adminEventsEnabled": is_on})

    @property
    def _those(self) -> str:
        return f"Admin events of realm {self._realm.realm}"

    def _read_mark(self, events: AdminEvents) -> Mark | None:
        try:
            return Mark.model_validate_json(self._own.attributes.get(_mark_name(events)) or "")
        except ValidationError:
            return None

    def _write_mark(self, events: AdminEvents, mark: Mark | None) -> None:
        # Keycloak merges the attributes of a client, and takes out what is empty.
        value = "" if mark is None else mark.model_dump_json()
        change_client(self._auth_realm, self._own.id, {"attributes": {_mark_name(events): value}})


def describe_recording(client: KeycloakClient, interval_seconds: int) -> str:
    """Return what `doctor` says: whether changes can be asked for, and what would be better."""
    events = AdminEvents.read(client)
    if not events.is_on:
        return (
            f"off, {_WITHOUT}; with them changes are seen within seconds, at two requests per interval "
            "however large the realm: run keycloak-license init --admin-events"
        )
    least, kept = INTERVALS_TO_KEEP * interval_seconds, events.kept_seconds
    if kept is None:
        return f"on, {events.kept}: {_ADVICE}"
    if kept < least:
        return (
            f"on, {events.kept}, too short to be of use with a look every {_show(interval_seconds)}: set an "
            f"expiration of at least {_show(least)} under Realm settings, Events"
        )
    return f"on, {events.kept}"


def offer(realm: str, events: AdminEvents) -> str:
    """Return the question whether to switch them on."""
    kept = events.kept if events.kept_seconds else f"kept for {_count(DEFAULT_DAYS, 'day')}"
    return (
        "With admin events changes are seen within seconds, at the cost of two requests per interval however "
        "large the realm; without them by full reads only. "
        f"Switch them on in realm {realm}, {kept}?"
    )


def explain_off(realm: str) -> str:
    """Return what to say where nobody can be asked."""
    return f"Admin events of realm {realm} are off, {_WITHOUT}: run keycloak-license init --admin-events"


def _mark_name(events: AdminEvents) -> str:
    # A client in master serves several realms.
    return f"keycloak-license.admin-events.{events.realm_id}"


def _show(seconds: int) -> str:
    for unit, size in _UNITS:
        if seconds % size == 0:
            return _count(seconds // size, unit)
    return _count(seconds, "second")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
