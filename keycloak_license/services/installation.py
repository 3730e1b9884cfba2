"""Whose realm this is: ledger and realm must name the same installation.

In: both ids, or the realm and the ledger that know them; out: sentences that name the way out. Called by
`reconcile`, `overview` and `cli.doctor`.
"""

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.services.ports import Ledger, Realm

MAX_ID_LENGTH = 64
"""What a licence can name."""


def adopt_id(published_id: str | None) -> str | None:
    """Return the realm's installation id for a ledger without one; None when no licence could name it."""
    if not published_id or len(published_id) > MAX_ID_LENGTH:
        return None
    return published_id if published_id.isprintable() and published_id == published_id.strip() else None


def explain_dispute(realm: str, own_id: str | None, published_id: str | None) -> str | None:
    """Return what is wrong when ledger and realm disagree, with both ways out; None when they do not."""
    if not own_id or not published_id or own_id == published_id:
        return None
    return (
        f"Realm {realm} says it is installation {published_id}, and the ledger is that of {own_id} (one of "
        "them was cloned or restored), so no licence gives access, and only state, access and reason are "
        "written: either remove the realm's attribute "
        f"(kcadm.sh update realms/{realm} -s 'attributes.\"{INSTALLATION_ID}\"=') and sync, which puts the "
        "ledger's id there, or let `database` name the ledger of that installation or an empty one, which "
        "takes over the realm's id"
    )


def check_installation(realm: str, keycloak: Realm, ledger: Ledger) -> str:
    """Return which installation this is; `LicenseRefusedError` when ledger and realm disagree."""
    own_id = ledger.load(realm).installation_id
    published_id = keycloak.read_attributes().get(INSTALLATION_ID)
    if dispute := explain_dispute(realm, own_id, published_id):
        raise LicenseRefusedError(dispute)
    return own_id or published_id or "no installation id yet: init or the first sync makes one"
