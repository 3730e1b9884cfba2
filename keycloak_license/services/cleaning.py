"""Takes out of a realm what enforcement made there, with an administrator's rights.

In: a realm and the mode whose things stay; out: what was taken out, as sentences. Called by `cli.init`,
because the rights that the sidecar keeps may not be enough for it.
"""

from dataclasses import dataclass

from keycloak_license.model.enforcement import EnforcementTerms
from keycloak_license.model.license import LicenseState, Reason, Standing
from keycloak_license.model.measures import AccountChange, Measure, describe_measure
from keycloak_license.plan.enforcement import plan_cleaning
from keycloak_license.plan.own_roles import EnforcementInputs
from keycloak_license.services.ports import Realm

NO_LICENSE = Standing(LicenseState.NONE, Reason.NO_LICENSE)


@dataclass(frozen=True, slots=True)
class Cleaner:
    """What `init` cleans up with."""

    keycloak: Realm
    terms: EnforcementTerms

    def clean(self) -> tuple[str, ...]:
        """Take out the gate and the marks of disabled users, but for those of the mode.

        Whoever we disabled is enabled again. Returns what was done, people counted and not named.
        """
        snapshot = self.keycloak.read(())
        measures = list(plan_cleaning(EnforcementInputs(snapshot, (), self.terms, NO_LICENSE)))
        refused = self.keycloak.enforce(measures, lambda: None)
        return (*_describe(measures), *refused)


def _describe(measures: list[Measure]) -> list[str]:
    told = [describe_measure(each) for each in measures if not isinstance(each, AccountChange)]
    enabled = sum(isinstance(each, AccountChange) for each in measures)
    return told + ([f"the disabling of {enabled} users"] if enabled else [])
