"""Which licence is to be activated, and for whom.

In: a `ManagedRealm`; out: the licence and the installation that its activation key names. Called by
`cli.licenses`. The ledger alone is asked, so a key can also be had while Keycloak is down.
"""

from collections.abc import Sequence
from datetime import datetime

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.model.license import Activation, License, LicenseState, LicenseType
from keycloak_license.model.report import ListedLicense
from keycloak_license.services.installation import explain_dispute
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import list_all_licenses


def find_inactive(managed: ManagedRealm, now: datetime) -> tuple[License, Activation]:
    """Return the licence imported last that waits for its activation, and what it has to name.

    One that is activated for another installation waits as well. Raises `ConfigurationError` when there is
    none, `LicenseRefusedError` when it is disputed which installation this is.
    """
    last = managed.ledger.load(managed.name, known_claims=()).last_sync
    if last is None:
        raise ConfigurationError(f"Realm {managed.name} has no licence yet: import the one you were sent")
    if dispute := explain_dispute(managed.name, last.installation_id, last.published_id):
        raise LicenseRefusedError(dispute)
    present = [each for each in list_all_licenses(managed, now) if each.stored.replaced_at is None]
    for each in reversed(present):
        if each.license is not None and each.state is LicenseState.NOT_ACTIVATED:
            return each.license, Activation(last.installation_id, last.realm_id)
    raise ConfigurationError(_why_none(managed.name, [each for each in present if each.license]))


def _why_none(realm: str, present: Sequence[ListedLicense]) -> str:
    if not present:
        return f"Realm {realm} has no licence: import the one you were sent"
    latest = present[-1]
    if latest.state is LicenseState.EXPIRED:
        why = "has expired"
    elif latest.license is not None and latest.license.type is LicenseType.TEMPORARY:
        why = "is temporary and needs no activation"
    else:
        why = "is activated already"
    return f"Realm {realm} has no licence that waits for activation: {latest.stored.number} {why}"
