"""Importing a licence, and listing those that were.

In: the bytes of a file; out: what the realm is like before and after. Called by `cli.licenses` and `what_if`.
A file that is refused changes nothing; a genuine one is never refused for usage, its effects are shown first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError, NotConfirmedError
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense, to_stored
from keycloak_license.model.report import RealmReport, SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.plan.replacement import find_newer, find_replaced, is_foreign
from keycloak_license.services.confirmation import make_confirmed_plan
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.observation import ManagedRealm, Observation, observe
from keycloak_license.services.ports import Witness
from keycloak_license.services.reconcile import apply
from keycloak_license.services.recovery import read_licenses


@dataclass(frozen=True, slots=True)
class LicenseImport:
    """An import as it would be, or was, carried out."""

    license: License
    replaced: tuple[StoredLicense, ...]
    before: RealmReport
    plan: SyncPlan
    is_known: bool
    """Whether this very file is in force already; then nothing is changed."""


Confirm = Callable[[LicenseImport], bool]
"""Asked before another licence is taken out of force."""
Clock = Callable[[], datetime]
"""What the clock here shows: asked again after a question that may have stood for hours."""


def preview_import(managed: ManagedRealm, file: bytes, clock: Clock) -> LicenseImport:
    """Return what importing a file would do; nothing is written."""
    return _prepare(managed, managed.verifier.verify(file), clock())[1]


def import_license(managed: ManagedRealm, file: bytes, confirm: Confirm, clock: Clock) -> LicenseImport:
    """Import a file and sync.

    Raises `LicenseRefusedError` when the file is not genuine, does not fit this installation, or is older
    than what is known of the same number, and `NotConfirmedError` when replacing was not confirmed.
    """
    license_ = managed.verifier.verify(file)
    confirmed: list[str] = []
    while True:
        # Others go on working while the question is open, so it is put outside, and may come again.
        with hold_lease(managed.ledger, managed.name, managed.patience_seconds) as fence:
            seen, result = _prepare(managed, license_, clock())
            replaced = [each.file for each in result.replaced]
            if replaced in ([], confirmed):
                added = () if result.is_known else (to_stored(license_, seen.now),)
                if added or seen.known.recovered:
                    change = LicenseChange(added, result.replaced)
                    return _told(result, apply(managed, seen, result.plan, fence, change))
                return result
        if not confirm(result):
            numbers = _names([each.label for each in result.replaced])
            raise NotConfirmedError(
                f"Licence {license_.number} was not imported because it would replace {numbers} in realm "
                f"{managed.name}: confirm with --replace"
            )
        confirmed = replaced


def _told(result: LicenseImport, refused: tuple[str, ...]) -> LicenseImport:
    """Return an import with what the realm would not do."""
    report = replace(result.plan.report, warnings=(*result.plan.report.warnings, *refused))
    return replace(result, plan=replace(result.plan, report=report))


def _prepare(managed: ManagedRealm, license_: License, now: datetime) -> tuple[Observation, LicenseImport]:
    refuse_unknown_applications(managed, license_)
    return preview_import_in(managed, license_, observe(managed, now), managed.keycloak)


def preview_import_in(
    managed: ManagedRealm,
    license_: License,
    seen: Observation,
    witness: Witness,
    consent: Consent = NO_CONSENT,
) -> tuple[Observation, LicenseImport]:
    """Return what importing a licence would do in a realm as it was seen, or as it is supposed to be.

    Also what was seen, with what was asked for meanwhile.
    """
    if seen.dispute:
        raise LicenseRefusedError(seen.dispute)
    known = read_licenses(managed.verifier, seen.licenses)
    in_force = [each for each in known if each.stored.replaced_at is None]
    seen, present = make_confirmed_plan(managed, seen, seen.licenses, consent, witness)
    if any(each.stored.file == license_.file for each in in_force):
        # Known may mean by the realm alone: then the ledger has lost all else as well, and it comes back.
        plan = present if seen.known.recovered else replace(present, changes=())
        return seen, LicenseImport(license_, (), present.report, plan, is_known=True)
    _refuse_older(managed, seen, known, license_)
    managed.verifier.accept(license_.file.encode())
    replaced = find_replaced(in_force, license_, seen.installation, seen.clock.believed)
    remaining = [each.stored for each in in_force if each.stored not in replaced]
    imported = [*remaining, to_stored(license_, seen.now)]
    seen, plan = make_confirmed_plan(managed, seen, imported, consent, witness)
    _refuse_foreign(license_, seen, present.report)
    return seen, LicenseImport(license_, replaced, present.report, plan, is_known=False)


def refuse_unknown_applications(managed: ManagedRealm, license_: License) -> None:
    """Raise `LicenseRefusedError` for a licence of what is not configured."""
    known = {application.id for application in managed.applications}
    if unknown := sorted(license_.scope.keys() - known):
        raise LicenseRefusedError(
            f"Licence {license_.number} is for {_names(unknown)}, which the configuration does not have "
            f"(it has {_names(sorted(known))}): add what is missing under applications"
        )


def _refuse_older(
    managed: ManagedRealm, seen: Observation, known: Sequence[KnownLicense], license_: License
) -> None:
    newer = find_newer(known, license_, seen.installation)
    if newer is None:
        return
    if newer.issue > license_.issue:
        raise LicenseRefusedError(
            f"Issue {license_.issue} of licence {license_.number} is older than issue {newer.issue}, which "
            f"realm {managed.name} already has: import the newest file you were sent"
        )
    raise LicenseRefusedError(
        f"This file of licence {license_.number}, issue {license_.issue}, is not activated, and realm "
        f"{managed.name} already has the activated one: keep that"
    )


def _refuse_foreign(license_: License, seen: Observation, before: RealmReport) -> None:
    """Refuse to end access, now or later, by a file that was activated for somebody else."""
    activation, here = license_.activation, seen.installation
    if activation is None or not is_foreign(license_, here) or not before.standing.is_granted:
        return
    raise LicenseRefusedError(
        f"Licence {license_.number} is activated for installation {activation.installation_id}, realm id "
        f"{activation.realm_id}, and this is installation {here.installation_id}, realm id "
        f"{here.realm_id}: ask the vendor for one made from your own activation key"
    )


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids)
