"""Licence and usage of a realm that was exported, without a server.

In: what the realm is planned by, a snapshot and maybe a licence file; out: a `RealmReport`. Called by
`cli.offline`. It is what a first sync of the same realm would come to, for there is no ledger either.
"""

from dataclasses import replace
from datetime import datetime

from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.record import RealmRecord, to_stored
from keycloak_license.model.report import RealmReport
from keycloak_license.services.installation import adopt_id
from keycloak_license.services.observation import RealmTerms, make_plan, observe_in


def count_offline(
    terms: RealmTerms, snapshot: RealmSnapshot, license_file: bytes | None, now: datetime
) -> RealmReport:
    """Return licence and usage as a sync with an empty ledger would find them.

    The licence is that of `license_file`, else what the realm's own attributes hold.
    `LicenseRefusedError` when the file does not verify.
    """
    # What an export cannot hold is told once, in its own words: there is no seat that anybody could lose.
    known = replace(snapshot, gaps=(), silent_providers={})
    seen = observe_in(terms, now, RealmRecord(terms.name), known)
    licenses = seen.licenses
    if license_file is not None:
        licenses = (to_stored(terms.verifier.verify(license_file), now),)
    report = make_plan(terms, seen, licenses).report
    gaps = (*snapshot.gaps, *snapshot.silent_providers.values())
    return replace(
        report,
        # The planner needs an id, and makes one up where the realm has none.
        installation_id=adopt_id(snapshot.attributes.get(INSTALLATION_ID)),
        synced_at=None,
        is_complete=not gaps,
        gaps=gaps,
        warnings=(*(f"The export does not tell everything: {gap}" for gap in gaps), *report.warnings),
    )
