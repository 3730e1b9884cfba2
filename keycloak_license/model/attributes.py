"""The realm attributes: their names, what they say, and which of them are ours.

The contract with everybody who reads them. Used by `plan.attributes` and `keycloak_api.provision`; the table
of the README is made from it.
"""

import re
from dataclasses import dataclass

INSTALLATION_ID = "license.installation_id"
LICENSE_FILE = "license.file"
STANDBY_FILES = "license.standby_files"
"""The other licences in force, one a line: beneath a temporary one, or waiting for their start."""
EXPIRY_NOTICE_DAYS = "license.expiry_notice_days"
"""Set by realm admins, in Keycloak or on the screen; read by us, and never changed by a sync."""
_APPLICATION = "<APP>"


@dataclass(frozen=True, slots=True)
class RealmAttribute:
    """One attribute, or one for each application."""

    name: str
    """With ``<APP>`` where the application's id stands."""
    value: str
    """What it says, for people."""
    is_owned: bool = True
    """Whether it is ours to set and remove."""


ATTRIBUTES = (
    RealmAttribute(INSTALLATION_ID, "a UUID, made once"),
    RealmAttribute(LICENSE_FILE, "the licence in force, as imported"),
    RealmAttribute(
        STANDBY_FILES,
        "the others in force, one a line: beneath a temporary one, or waiting for their start; also files "
        "that only the realm has; there only while there are any",
    ),
    RealmAttribute("license.number", "the number of the licence"),
    RealmAttribute("license.type", "`commercial` or `temporary`"),
    RealmAttribute("license.customer", "whom the licence names"),
    RealmAttribute("license.state", "`OK`, `NOT_ACTIVATED`, `EXPIRED` or `NONE`"),
    RealmAttribute("license.access", "`granted` or `blocked`"),
    RealmAttribute(
        "license.reason",
        "why: `active`, `temporary`, `grace`, `grace_over`, `expired`, `no_license`, `other_installation` or "
        "`not_started`",
    ),
    RealmAttribute("license.issued_on", "the day of issue"),
    RealmAttribute("license.expires_on", "the last day of access"),
    RealmAttribute(
        "license.stops_at", "the instant at which access ends as things stand, ISO 8601 with offset"
    ),
    RealmAttribute("license.scope", "application ids, comma separated"),
    RealmAttribute("license.<APP>.seats", "licensed seats, or `unlimited`"),
    RealmAttribute("license.<APP>.used", "seats that are taken"),
    RealmAttribute("license.<APP>.waiting", "people who wait for one"),
    RealmAttribute(
        "license.<APP>.usage", "used of licensed in whole percent, as `64%`; empty when unlimited"
    ),
    RealmAttribute(
        "license.<APP>.queue",
        "ids of the users who wait, in order; there only while somebody waits and others are seated",
    ),
    RealmAttribute(
        EXPIRY_NOTICE_DAYS,
        "set by you, read by us: how many days before access ends to say so, such as `30` or `30,7`",
        is_owned=False,
    ),
)
_OWNED = re.compile(
    "|".join(
        re.escape(each.name).replace(re.escape(_APPLICATION), "[A-Za-z0-9_-]+")
        for each in ATTRIBUTES
        if each.is_owned
    )
)


def queue_attribute(application: str) -> str:
    """Return the attribute that keeps the order of those who wait, should the ledger be lost."""
    return f"license.{application}.queue"


def is_owned(name: str) -> bool:
    """Whether an attribute is one of ours to set and remove."""
    return _OWNED.fullmatch(name) is not None
