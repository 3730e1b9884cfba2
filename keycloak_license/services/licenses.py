"""Importing a licence.

In: the bytes of a file; out: what the realm is like before and after. Called by `cli.licenses`. A file
that is refused changes nothing; a genuine one is never refused for usage, its effects are shown first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.license import License
from keycloak_license.model.record import StoredLicense
from keycloak_license.model.report import RealmReport, SyncPlan
from keycloak_license.plan.replacement import InForce, find_replaced
from keycloak_license.services.reconcile import (
    LicenseChange,
    ManagedRealm,
    Observation,
    apply,
    make_plan,
    observe,
)


@dataclass(frozen=True, slots=True)
class LicenseImport:
    """An import as it would be, or was, carried out."""

    license: License
    replaced: tuple[StoredLicense, ...]
    before: RealmReport
    plan: SyncPlan
    is_known: bool
    """Whether this very file is in force already; then nothing is changed."""
    doubt: str | None = None
    """Why a licence file that only the realm has does not count; importing would write over it."""

    @property
    def asks(self) -> tuple[object, ...]:
        """What has to be confirmed; empty when nothing is lost by the import."""
        return (*self.replaced, *([self.doubt] if self.doubt and not self.is_known else []))


Confirm = Callable[[LicenseImport], bool]
"""Asked before another licence is taken out of force."""


def preview_import(managed: ManagedRealm, file: bytes, now: datetime) -> LicenseImport:
    """Return what importing a file would do; nothing is written."""
    return _prepare(managed, managed.verifier.verify(file), now)[1]


def import_license(managed: ManagedRealm, file: bytes, confirm: Confirm, now: datetime) -> LicenseImport:
    """Import a file and sync.

    Raises `LicenseRefusedError` when the file is not genuine, does not fit this installation, is older
    than what is known of the same number, or replacing was not confirmed.
    """
    license_ = managed.verifier.verify(file)
    seen, result = _prepare(managed, license_, now)
    while result.asks:
        if not confirm(result):
            raise LicenseRefusedError(
                f"Licence {license_.number} was not imported because it would replace "
                f"{_what_it_replaces(result)} in realm {managed.name}: confirm with --replace"
            )
        # Others went on working while the question was open.
        confirmed = result.asks
        seen, result = _prepare(managed, license_, now)
        if result.asks == confirmed:
            break
    if not result.is_known:
        apply(managed, seen, result.plan, now, LicenseChange(_stored(license_, now), result.replaced))
    return result


def _prepare(managed: ManagedRealm, license_: License, now: datetime) -> tuple[Observation, LicenseImport]:
    _refuse_unknown_applications(managed, license_)
    seen = observe(managed, now)
    _refuse_older_issue(managed, seen.licenses, license_)
    in_force = [each for each in seen.licenses if each.replaced_at is None]
    present = make_plan(managed, seen, in_force, now)
    if any(each.file == license_.file for each in in_force):
        unchanged = replace(present, changes=())
        return seen, LicenseImport(license_, (), present.report, unchanged, is_known=True)
    readable = [InForce(each, _read(managed, each)) for each in in_force]
    replaced = find_replaced(readable, license_, managed.zone, now)
    remaining = [each for each in in_force if each not in replaced]
    plan = make_plan(managed, seen, [*remaining, _stored(license_, now)], now)
    return seen, LicenseImport(license_, replaced, present.report, plan, is_known=False, doubt=seen.doubt)


def _read(managed: ManagedRealm, stored: StoredLicense) -> License | None:
    try:
        return managed.verifier.verify(stored.file.encode())
    except LicenseRefusedError:
        return None


def _refuse_unknown_applications(managed: ManagedRealm, license_: License) -> None:
    known = {application.id for application in managed.applications}
    if unknown := sorted(license_.scope.keys() - known):
        raise LicenseRefusedError(
            f"Licence {license_.number} is for {_names(unknown)}, which the configuration does not have "
            f"(it has {_names(sorted(known))}): add what is missing under applications"
        )


def _refuse_older_issue(managed: ManagedRealm, known: Sequence[StoredLicense], license_: License) -> None:
    newest = max((each.issue for each in known if each.number == license_.number), default=0)
    if license_.issue < newest:
        raise LicenseRefusedError(
            f"Issue {license_.issue} of licence {license_.number} is older than issue {newest}, which realm "
            f"{managed.name} already has: import the newest file you were sent"
        )


def _what_it_replaces(result: LicenseImport) -> str:
    unread = ["a file that cannot be verified"] if result.doubt else []
    return _names([*(each.number for each in result.replaced), *unread])


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids)


def _stored(license_: License, now: datetime) -> StoredLicense:
    return StoredLicense(license_.number, license_.issue, license_.file, imported_at=now)
