"""Whose realm this is: ledger and realm must name the same installation.

In: both ids, or the realm and the ledger that know them; out: sentences that name the way out. Called by
`reconcile`, `overview` and `cli.doctor`.
"""

from keycloak_license.errors import LicenseRefusedError, RealmNotFoundError
from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.model.instants import show_instant
from keycloak_license.model.record import SyncRecord
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


def explain_other_realm(last_sync: SyncRecord | None, realm_id: str) -> str | None:
    """Return what it means that a realm has another id than at the last sync; None when it has not."""
    if last_sync is None or last_sync.realm_id == realm_id:
        return None
    return (
        f"Realm {last_sync.realm} was deleted and made anew since the last sync "
        f"({show_instant(last_sync.synced_at)}): its id was {last_sync.realm_id} and is {realm_id}, so "
        "nobody loses a seat before it is confirmed"
    )


def explain_gone(last_sync: SyncRecord, error: RealmNotFoundError) -> RealmNotFoundError:
    """Return the error with more to it, for a realm that was there at the last sync."""
    return RealmNotFoundError(
        f"Realm {last_sync.realm} was there at the last sync ({show_instant(last_sync.synced_at)}) and is "
        f"not any more, so it was deleted or renamed, or keycloak.url leads elsewhere ({error}): give its "
        "new name under realms, or take it out; the ledger keeps what it knows"
    )


def check_installation(realm: str, keycloak: Realm, ledger: Ledger) -> str:
    """Return which installation this is; `LicenseRefusedError` when ledger and realm disagree."""
    own_id = ledger.load(realm).installation_id
    published_id = keycloak.read_attributes().get(INSTALLATION_ID)
    if dispute := explain_dispute(realm, own_id, published_id):
        raise LicenseRefusedError(dispute)
    return own_id or published_id or "no installation id yet: init or the first sync makes one"
