"""Which accounts with seats are probably one person's.

In: the users who consume and the allocations; out: a `DuplicateReport`. Called by `services.duplicates`.
Nothing is changed by it: which account to keep is for people to decide.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keycloak_license.model.realm import User
from keycloak_license.model.seat import Allocation


@dataclass(frozen=True, slots=True)
class Account:
    """An account that holds or waits for seats."""

    user: User
    seats: tuple[str, ...]
    """Ids of the applications of which it holds a seat."""
    waiting: tuple[str, ...]
    """Ids of those for which it waits."""


@dataclass(frozen=True, slots=True)
class Person:
    """Several accounts with one address, by username."""

    email: str
    """As it is compared, see `normalized`."""
    accounts: tuple[Account, ...]

    @property
    def seats_saved(self) -> int:
        """How many seats would be free if all of it were one account."""
        held = Counter(application for each in self.accounts for application in each.seats)
        return sum(count - 1 for count in held.values())


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """Everybody with several accounts, who takes the most seats too many first."""

    people: tuple[Person, ...]
    unverified: int
    """How many other accounts share their address with an account that consumes, and nobody has verified
    that it is theirs."""

    @property
    def seats_saved(self) -> int:
        """How many seats would be free if each of them had one account."""
        return sum(person.seats_saved for person in self.people)


def find_duplicates(users: Mapping[str, User], allocations: Sequence[Allocation]) -> DuplicateReport:
    """Return the accounts that share an address which is certain.

    It is where Keycloak has verified it, and where it comes from a directory. Beside an account of a
    directory also those of Keycloak's own count that nobody has verified: mostly they were there before.
    """
    by_address: defaultdict[str, list[Account]] = defaultdict(list)
    for account in _accounts(users, allocations):
        if address := normalized(account.user.email or ""):
            by_address[address].append(account)
    shared = {address: accounts for address, accounts in by_address.items() if len(accounts) > 1}
    people = [
        Person(address, tuple(sorted(same, key=lambda each: (each.user.username, each.user.id))))
        for address, accounts in shared.items()
        if len(same := _of_one_person(accounts)) > 1
    ]
    people.sort(key=lambda person: (-person.seats_saved, person.email))
    told = sum(len(person.accounts) for person in people)
    return DuplicateReport(tuple(people), unverified=sum(map(len, shared.values())) - told)


def normalized(email: str) -> str:
    """Return an address so that two spellings of it are equal: case, Unicode form, blanks around it."""
    folded = unicodedata.normalize("NFKC", email).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def _of_one_person(accounts: Sequence[Account]) -> list[Account]:
    if any(account.user.provider_id for account in accounts):
        return list(accounts)
    return [account for account in accounts if account.user.email_verified]


def _accounts(users: Mapping[str, User], allocations: Sequence[Allocation]) -> Iterator[Account]:
    """Yield the accounts with a claim, as far as they were seen."""
    seats: defaultdict[str, list[str]] = defaultdict(list)
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for allocation in allocations:
        for claim in allocation.seated:
            seats[claim.user_id].append(allocation.application)
        for claim in allocation.waiting:
            waiting[claim.user_id].append(allocation.application)
    for user_id in seats.keys() | waiting.keys():
        if user := users.get(user_id):
            yield Account(user, tuple(seats.get(user_id, ())), tuple(waiting.get(user_id, ())))
