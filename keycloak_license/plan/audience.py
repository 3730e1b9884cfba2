"""Who hears of a realm's licence.

In: a `RealmSnapshot` and what is configured; out: addressees, addresses, and who will not hear. Called by
`plan.planner` and `services`. The seed: "An email will be sent to all users with the manage-license role"
and "Ensure that all these users have an email address configured in their settings".
"""

from collections.abc import Iterable, Iterator, Sequence

from keycloak_license.model.audience import DEFAULT_LOCALE, Addressee, Audience, NoticeTerms, is_address
from keycloak_license.model.enforcement import MANAGE_LICENSES, MANAGERS
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.plan.consumers import resolve_consumers


def find_addressees(snapshot: RealmSnapshot, known: Iterable[Addressee] = ()) -> tuple[Addressee, ...]:
    """Return who holds the role, by username; with those `known` whom an incomplete read may not show."""
    found = {
        user.id: Addressee(user.id, user.username, user.email)
        for user in resolve_consumers(snapshot, MANAGERS, ()).values()
        if user.enabled
    }
    if not snapshot.is_complete:
        found = {each.user_id: each for each in known if _may_still_be(each, snapshot)} | found
    return tuple(sorted(found.values(), key=lambda each: (each.username, each.user_id)))


def _may_still_be(known: Addressee, snapshot: RealmSnapshot) -> bool:
    """Whether an incomplete read leaves it open; who comes from a federation reads as disabled without it."""
    user = snapshot.users.get(known.user_id)
    return user is None or user.enabled or user.provider_id is not None


def make_audience(addressees: Iterable[Addressee], terms: NoticeTerms, locale: str | None) -> Audience:
    """Return where notices go: an address once, however many people have it."""
    addresses: dict[str, str] = {}
    if terms.has_mail:
        own = (each.email for each in addressees if each.email and is_address(each.email))
        for address in (*terms.administrators, *own):
            addresses.setdefault(address.lower(), address)
    return Audience(tuple(addresses.values()), terms.has_webhook, locale or DEFAULT_LOCALE)


def without_address(addressees: Iterable[Addressee]) -> tuple[Addressee, ...]:
    """Return the people who cannot be told by mail."""
    return tuple(each for each in addressees if not each.email or not is_address(each.email))


def audience_warnings(addressees: Sequence[Addressee], terms: NoticeTerms) -> Iterator[str]:
    """Yield who will not hear."""
    if not terms.has_mail:
        return
    if names := [each.username for each in without_address(addressees)]:
        yield (
            f"Whoever has {MANAGE_LICENSES} and no usable mail address will not hear when a licence ends or "
            f"seats run out: {', '.join(names)}; give them an address in Keycloak"
        )
    if not make_audience(addressees, terms, None).addresses:
        yield (
            f"Nobody hears when a licence ends or seats run out: give somebody with {MANAGE_LICENSES} a mail "
            "address, or name one in mail.administrators"
        )
