"""Licences and standings to plan with."""

from dataclasses import replace
from datetime import UTC, date, datetime

from keycloak_license.model.application import Application
from keycloak_license.model.license import License, LicenseState, LicenseType, Reason, Standing
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.seat import Claim
from keycloak_license.plan.arrivals import Arrivals
from keycloak_license.plan.planner import SyncInputs

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WFM = Application("WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("wfm-app", ("agent",)),))
QM = Application("QM", "Quality Management", roles=("QM_*",))


def a_license(**changes: object) -> License:
    plain = License(
        number="T-1",
        issue=1,
        type=LicenseType.TEMPORARY,
        customer="ACME",
        issued_on=date(2026, 1, 1),
        starts_on=date(2026, 1, 1),
        expires_on=date(2026, 12, 31),
        scope={"WFM": 50},
        file="the file",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def granted(**changes: object) -> Standing:
    return Standing(LicenseState.OK, Reason.TEMPORARY, a_license(**changes), datetime(2027, 1, 1, tzinfo=UTC))


def expired(**changes: object) -> Standing:
    return replace(granted(**changes), state=LicenseState.EXPIRED, reason=Reason.EXPIRED)


NO_LICENSE = Standing(LicenseState.NONE, Reason.NO_LICENSE)


def inputs(
    snapshot: RealmSnapshot, standing: Standing, claims: tuple[Claim, ...] = (), **changes: object
) -> SyncInputs:
    plain = SyncInputs(
        snapshot=snapshot,
        applications=(WFM,),
        claims=claims,
        standing=standing,
        installation_id="installation-1",
        now=NOON,
        believed=NOON,
    )
    if "now" in changes:
        changes = {"believed": changes["now"]} | changes
    return replace(plain, **changes)  # type: ignore[arg-type]


def coming(now: datetime) -> Arrivals:
    """Everybody who is new came now."""
    return Arrivals(now, now)
