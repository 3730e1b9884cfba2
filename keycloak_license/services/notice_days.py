"""The seed's "Expiration notification in days", as a person sets it on the screen.

In: a `ManagedRealm` and what he has typed; out: the realm attribute. Called by the screen only: no sync ever
writes it.
"""

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet
from keycloak_license.plan.expiry import MAX_NOTICE_DAYS, NoticeDaysError, parse_days
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.observation import ManagedRealm


def set_notice_days(managed: ManagedRealm, text: str) -> str:
    """Write the realm's own days and return them as they are kept; nothing typed gives the default back.

    Raises `ConfigurationError` for what is no number of days, or several separated by commas.
    """
    try:
        days = parse_days(text)
    except NoticeDaysError as error:
        raise ConfigurationError(
            f"Expiration notification in days is a whole number from 0 to {MAX_NOTICE_DAYS}, or several "
            "separated by commas, such as 30, 7: correct it"
        ) from error
    kept = ", ".join(str(day) for day in sorted(set(days), reverse=True))
    change: AttributeChange = (
        AttributeSet(EXPIRY_NOTICE_DAYS, kept) if kept else AttributeRemoved(EXPIRY_NOTICE_DAYS)
    )
    with hold_lease(managed.ledger, managed.name, managed.patience_seconds) as fence:
        managed.keycloak.write_attributes([change], fence.check)
    return kept
