"""The vendor: draws licences of every kind, and keeps each file he made.

In: random choices (`LicenseDraft`, made by `drafts`); out: signed licences. Called by `machine`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from hypothesis import strategies as st

from keycloak_license.model.license import Activation, License, LicenseType
from tests.fakes import TrustingVerifier
from tests.machine.verdict import DEFAULT_EXEMPT

ELSEWHERE = Activation("another installation", "another realm")


@dataclass(frozen=True)
class LicenseDraft:
    """What the vendor is asked for; days count from today."""

    number: str
    is_temporary: bool
    scope: dict[str, int | None]
    issue: int
    """Added to the newest issue of that number."""
    issued: int
    starts: int
    expires: int
    activation: str
    exempt: tuple[str, ...]


seats = st.integers(0, 12) | st.integers(2, 5) | st.none()
scopes = st.fixed_dictionaries({"WFM": seats, "QM": seats}) | st.fixed_dictionaries({"WFM": seats})
drafts = st.builds(
    LicenseDraft,
    number=st.sampled_from(["1", "2"]),
    is_temporary=st.booleans(),
    scope=scopes,
    issue=st.sampled_from([1, 1, 1, 0, -1]),
    issued=st.sampled_from([-1, 0, -10, -29, -40, 2]),
    starts=st.sampled_from([-1, 0, -20, 3, 40]),
    expires=st.sampled_from([400, 400, 60, 5, 0, -3]),
    activation=st.sampled_from(["here", "here", "none", "elsewhere"]),
    exempt=st.sampled_from([DEFAULT_EXEMPT, DEFAULT_EXEMPT, (), ("Person-2", "eleveo.admin")]),
)


@dataclass
class Vendor:
    """Signs licences."""

    verifier: TrustingVerifier
    made: list[License] = field(default_factory=list)

    def make(self, draft: LicenseDraft, today: date, here: Activation | None) -> License:
        """Return a new file; without an installation id nobody can activate it."""
        number = f"{'T' if draft.is_temporary else 'C'}-{draft.number}"
        newest = max((each.issue for each in self.made if each.number == number), default=1)
        activation = {"here": here, "none": None, "elsewhere": ELSEWHERE}[draft.activation]
        starts = today + timedelta(days=draft.starts)
        license_ = License(
            number=number,
            issue=max(1, newest + draft.issue),
            type=LicenseType.TEMPORARY if draft.is_temporary else LicenseType.COMMERCIAL,
            customer="ACME",
            issued_on=today + timedelta(days=draft.issued),
            starts_on=starts,
            expires_on=max(starts, today + timedelta(days=draft.expires)),
            scope=draft.scope,
            exempt_users=draft.exempt,
            activation=None if draft.is_temporary else activation,
            file=f"file {len(self.made)}: licence {number}, issue {max(1, newest + draft.issue)}",
        )
        self.made.append(license_)
        self.trust(license_)
        return license_

    def trust(self, license_: License) -> None:
        """Let the licence's signature hold, for the first time or again."""
        self.verifier._known[license_.file.encode()] = license_
