"""Takes out of a realm what enforcement made there, with an administrator's rights.

In: a realm and the mode whose things stay; out: what was taken out, as sentences. Called by `cli.init`,
because the rights that the sidecar keeps may not be enough for it.
"""

from dataclasses import dataclass

from keycloak_license.errors import IncompleteSyncError
from keycloak_license.model.enforcement import DISABLED_ROLE, EnforcementTerms
from keycloak_license.model.license import LicenseState, Reason, Standing
from keycloak_license.model.measures import (
    AccountChange,
    GateRemoved,
    RoleRemoved,
    ScopeRemoved,
    describe_measure,
    explain_refusals,
)
from keycloak_license.plan.enforcement import plan_cleaning
from keycloak_license.plan.own_roles import EnforcementInputs
from keycloak_license.services.ports import BeforeWrite, Realm

TAKEN_OUT = (GateRemoved, ScopeRemoved, RoleRemoved)
NO_LICENSE = Standing(LicenseState.NONE, Reason.NO_LICENSE)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was taken out, people counted and not named."""

    removed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """A sentence where the realm would not change everybody."""


@dataclass(frozen=True, slots=True)
class Cleaner:
    """What `init` cleans up with."""

    keycloak: Realm
    terms: EnforcementTerms

    def clean(self, before_write: BeforeWrite) -> Cleaned:
        """Take out the gate and the marks of disabled users, but for those of the mode.

        Whoever we disabled is enabled again, and the marks go only when everybody is: without his mark nobody
        could tell who is to be enabled. Raises `IncompleteSyncError` when not everybody can be seen.
        """
        snapshot = self.keycloak.read(())
        if not snapshot.is_complete and snapshot.has_own_client:
            raise IncompleteSyncError(
                f"Realm {snapshot.realm} was not seen completely, so that nothing was taken out of it "
                f"({(*snapshot.gaps, *snapshot.silent_providers.values())[0]}): mend that and run it again"
            )
        measures = list(plan_cleaning(EnforcementInputs(snapshot, (), self.terms, NO_LICENSE)))
        people = [each for each in measures if isinstance(each, AccountChange)]
        others = [each for each in measures if not isinstance(each, AccountChange)]
        refused = self.keycloak.enforce(people, before_write)
        if refused:
            others = [each for each in others if each != RoleRemoved(DISABLED_ROLE)]
        self.keycloak.enforce(others, before_write)
        enabled = len(people) - len(refused)
        told = [describe_measure(each) for each in others if isinstance(each, TAKEN_OUT)]
        if enabled:
            told.append(f"the disabling of {enabled} users")
        return Cleaned(tuple(told), explain_refusals(refused))
