"""Which accounts with seats are probably one person's.

In: the users who consume and the allocations; out: a `DuplicateReport`. Called by `services.duplicates`.
Nothing is changed by it: which account to keep is for people to decide.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

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
    """As the first of them has it."""
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
        Person(same[0].user.email or "", tuple(same))
        for accounts in shared.values()
        if len(same := _of_one_person(accounts)) > 1
    ]
    people.sort(key=lambda person: (-person.seats_saved, person.email))
    told = sum(len(person.accounts) for person in people)
    return DuplicateReport(tuple(people), unverified=sum(map(len, shared.values())) - told)


def normalized(email: str) -> str:
    """Return an address so that two spellings of it are equal, by Unicode's compatibility caseless match."""
    folded = normalize("NFD", email).casefold()
    return normalize("NFKD", normalize("NFKD", folded).casefold()).strip()


def _of_one_person(accounts: Sequence[Account]) -> list[Account]:
    """Return those of the accounts with one address that are certain to be one person's."""
    if any(account.user.provider_id for account in accounts):
        return list(accounts)
    return [account for account in accounts if account.user.email_verified]


def _accounts(users: Mapping[str, User], allocations: Sequence[Allocation]) -> Iterator[Account]:
    """Yield the accounts with a claim, as far as they were seen, by username."""
    seats: defaultdict[str, list[str]] = defaultdict(list)
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for allocation in allocations:
        for claim in allocation.seated:
            seats[claim.user_id].append(allocation.application)
        for claim in allocation.waiting:
            waiting[claim.user_id].append(allocation.application)
    claiming = (users[user_id] for user_id in seats.keys() | waiting.keys() if user_id in users)
    for user in sorted(claiming, key=lambda user: (user.username, user.id)):
        yield Account(user, tuple(seats.get(user.id, ())), tuple(waiting.get(user.id, ())))
