"""The documents of the JSON API, for its OpenAPI description.

Shapes only, as `services.documents` makes them; used by `api`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Text, for pydantic would write an offset of its own: programs get what the commands print.
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Document(BaseModel):
    """Anything the API answers; more may be added to it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Problem(BaseModel):
    """Why something was not done."""

    detail: str


class StandingDocument(Document):
    """The licence that counts, and what it amounts to."""

    number: str | None
    """None when there is no licence."""
    type: str | None
    customer: str | None
    state: str
    """``OK``, ``NOT_ACTIVATED``, ``EXPIRED`` or ``NONE``."""
    access: str
    """``granted`` or ``blocked``."""
    reason: str
    issued_on: Day | None
    expires_on: Day | None
    stops_at: Instant | None
    """The instant at which access ends as things stand."""


class LicenseDocument(StandingDocument):
    """The same of a realm, now."""

    realm: str
    installation_id: str | None
    """None before the first sync."""


class ApplicationDocument(Document):
    """The seats of one application, as of the last sync."""

    id: str
    name: str
    seats: int | None
    """None is unlimited."""
    used: int
    waiting: int
    usage_percent: int | None


class ApplicationsDocument(Document):
    """All applications."""

    applications: list[ApplicationDocument]
    synced_at: Instant | None
    complete: bool


class MemberState(StrEnum):
    """Whether somebody has a seat."""

    SEATED = "seated"
    WAITING = "waiting"


class MemberDocument(Document):
    """Somebody who has or waits for a seat."""

    user_id: str
    username: str
    email: str | None
    state: MemberState
    since: Instant
    position: int | None
    """Place in the queue, from 1."""
    paths: list[list[str]]
    """Why: from groups and roles down to a role of the application."""


class MembersDocument(Document):
    """Who has or waits for a seat of an application."""

    application: str
    seats: int | None
    members: list[MemberDocument]


class RemedyDocument(Document):
    """One thing that would have to change."""

    kind: str
    seats: int | None
    """How many are lacking."""
    take_away: list[str]
    """What the user was given and would have to lose, all of it."""
    shared: list[str]
    """What would have to go from the default roles, which concerns everybody."""
    roles: list[str]
    """Roles of which one is enough, as shell patterns."""
    text: str


class ExplainedApplication(Document):
    """What one application means for a user."""

    id: str
    state: str
    """``seated``, ``waiting`` or ``not_needed``."""
    since: Instant | None
    position: int | None
    paths: list[list[str]]
    to_change: list[RemedyDocument]


class ExplanationDocument(Document):
    """Why a user has, waits for or does not need each seat."""

    user_id: str
    username: str
    enabled: bool
    exempt: bool
    access: str
    """``granted`` or ``blocked``, for everybody in the realm."""
    reason: str
    default_role: str | None
    """The step of a path that stands for the default roles, which everybody has."""
    applications: list[ExplainedApplication]


class ChangeDocument(Document):
    """Something that changed, or would."""

    kind: str
    application: str | None
    user_id: str | None
    username: str | None
    reason: str | None


class ImportedDocument(Document):
    """What an import did, or would do."""

    before: list[ApplicationDocument]
    after: list[ApplicationDocument]
    changes: list[ChangeDocument]
    replaces: list[str]
    """Numbers of the licences that it takes out of force."""
    license: StandingDocument
    """What counts afterwards."""
    already_imported: bool
    warnings: list[str]
    dry_run: bool


class LicenseUpload(BaseModel):
    """A licence file in JSON."""

    model_config = ConfigDict(extra="forbid")

    license: str = Field(max_length=65_536)
    """The content of the file."""
