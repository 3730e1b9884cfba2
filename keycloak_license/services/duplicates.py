"""People who take several seats with several accounts, as documents and lines of text.

In: a `ManagedRealm` and `now`; out: a `DuplicateList`, its JSON, its cells and its CSV. Called by
`cli.duplicates`; nothing is changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from keycloak_license.model.realm import User
from keycloak_license.plan.duplicates import DuplicateReport, find_duplicates
from keycloak_license.services.documents import Document
from keycloak_license.services.member_list import harmless_csv
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.viewing import look_at

HEADINGS = ("email", "seats_saved", "user_id", "username", "provider", "verified", "seats", "waiting")


@dataclass(frozen=True, slots=True)
class DuplicateList:
    """Duplicate people of a realm, and how far it was seen."""

    realm: str
    found: DuplicateReport
    providers: Mapping[str, str]
    """The name of each user storage provider, by id."""
    gaps: tuple[str, ...]
    """Why not everybody was seen, as sentences."""

    def origin_of(self, user: User) -> str | None:
        """Return the name of the federation an account comes from; None for one of Keycloak's own."""
        return None if user.provider_id is None else self.providers.get(user.provider_id, user.provider_id)


def list_duplicates(managed: ManagedRealm, now: datetime) -> DuplicateList:
    """Return who would have several accounts with a claim if the realm were synced now."""
    view = look_at(managed, now)
    snapshot = view.seen.snapshot
    found = find_duplicates(snapshot.users, view.plan.allocations)
    return DuplicateList(managed.name, found, snapshot.providers, view.plan.report.gaps)


def duplicates_document(listed: DuplicateList) -> Document:
    """Return the document of `duplicates`; `provider` is null for an account of Keycloak's own."""
    found = listed.found
    return {
        "realm": listed.realm,
        "people": [
            {
                "email": person.email,
                "accounts": [
                    {
                        "user_id": each.user.id,
                        "username": each.user.username,
                        "provider": listed.origin_of(each.user),
                        "verified": each.user.email_verified,
                        "seats": list(each.seats),
                        "waiting": list(each.waiting),
                    }
                    for each in person.accounts
                ],
                "seats_saved": person.seats_saved,
            }
            for person in found.people
        ],
        "seats_saved": found.seats_saved,
        "unverified": found.unverified,
        "complete": not listed.gaps,
    }


def duplicate_rows(listed: DuplicateList) -> Iterator[tuple[str, ...]]:
    """Yield a row of text for each account, in the order of `HEADINGS`."""
    for person in listed.found.people:
        for each in person.accounts:
            yield (
                person.email,
                str(person.seats_saved),
                each.user.id,
                each.user.username,
                listed.origin_of(each.user) or "local",
                "yes" if each.user.email_verified else "no",
                " ".join(each.seats),
                " ".join(each.waiting),
            )


def duplicates_csv(listed: DuplicateList) -> str:
    """Return CSV with a header line."""
    return harmless_csv(HEADINGS, duplicate_rows(listed))
