"""The names of the realm attributes, and which of them are ours.

The contract with everybody who reads them. Used by `plan.attributes` and `keycloak_api.provision`.
"""

import re

INSTALLATION_ID = "license.installation_id"
LICENSE_FILE = "license.file"
STANDBY_FILES = "license.standby_files"
"""The other licences in force, one a line: beneath a temporary one, or waiting for their start."""
EXPIRY_NOTICE_DAYS = "license.expiry_notice_days"
"""Set by realm admins, in Keycloak or on the screen; read by us, and never changed by a sync."""

_REALM_KEYS = (
    "installation_id|file|standby_files|number|type|customer|state|access|reason|issued_on|expires_on|stops_at"
    "|scope"
)
_OWNED = re.compile(rf"license\.(?:(?:{_REALM_KEYS})|[A-Za-z0-9_-]+\.(?:seats|used|waiting|usage|queue))")


def queue_attribute(application: str) -> str:
    """Return the attribute that keeps the order of those who wait, should the ledger be lost."""
    return f"license.{application}.queue"


def is_owned(name: str) -> bool:
    """Whether an attribute is one of ours to set and remove."""
    return _OWNED.fullmatch(name) is not None
