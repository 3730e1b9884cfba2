"""Whose claim ends: the only place that takes anything from anybody, except by a smaller licence.

In: the claims of one application, its consumers, and all that speaks for those who are not among them; out:
`Endings`. Called by `plan.planner`. An incomplete read ends nothing; a silent provider says nothing of its
own users; a user read by himself is believed more than a list; and too many at once are held.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot, User, UserReading, provider_of
from keycloak_license.model.seat import NO_CONSENT, Claim, Consent, HeldRelease
from keycloak_license.plan.guard import Ending, Guard, hold_back


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of users who seem to have stopped consuming."""

    snapshot: RealmSnapshot
    exempt: frozenset[str] = frozenset()
    """Usernames in lower case."""
    readings: Mapping[str, UserReading] = field(default_factory=dict)
    """Users who were read by themselves, by id."""


@dataclass(frozen=True, slots=True)
class GuardTerms:
    """What decides whether endings are held."""

    now: datetime
    """A time that is believed: no hour of a leaping clock counts."""
    guard: Guard
    earlier: Sequence[HeldRelease]
    """Held at the last sync, of any application."""
    consent: Consent = NO_CONSENT
    """What somebody has confirmed."""


@dataclass(frozen=True, slots=True)
class Endings:
    """What becomes of the claims whose users are not seen consuming."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why each claim that ends does, by user id."""
    kept: frozenset[str] = frozenset()
    """Users who keep what they have."""
    held: tuple[HeldRelease, ...] = ()
    """Those of them whose claims the guard keeps."""
    unconfirmed: tuple[str, ...] = ()
    """Users whose claims end or are newly held, but who were not read by themselves yet."""


def find_endings(
    application: Application,
    claims: Sequence[Claim],
    consumers: Collection[str],
    evidence: Evidence,
    terms: GuardTerms,
) -> Endings:
    """Return which claims end and which are kept; `consumers` are ids."""
    gone_ids = {claim.user_id for claim in claims}.difference(consumers)
    gone = [claim for claim in claims if claim.user_id in gone_ids]
    earlier = [held for held in terms.earlier if held.application == application.id]
    if evidence.snapshot.gaps:
        ids = frozenset(claim.user_id for claim in gone)
        return Endings(kept=ids, held=tuple(held for held in earlier if held.user_id in ids))
    found = list(_find(application, gone, evidence))
    seated = sum(claim.is_seated for claim in claims)
    # What is confirmed is not counted either: it makes no others suspicious.
    doubtful = [each for each in found if not terms.consent.covers(each.claim)]
    held = hold_back(doubtful, seated, earlier, terms.guard, terms.now)
    held_ids = {each.user_id for each in held}
    ending = [each for each in found if each.claim.user_id not in held_ids]
    known = held_ids & {each.user_id for each in earlier}
    reasons = {each.claim.user_id: each.reason for each in ending}
    return Endings(
        reasons=reasons,
        kept=frozenset(claim.user_id for claim in gone if claim.user_id not in reasons),
        held=held,
        unconfirmed=tuple(_unread((each for each in found if each.claim.user_id not in known), evidence)),
    )


def _find(application: Application, gone: Iterable[Claim], evidence: Evidence) -> Iterable[Ending]:
    for claim in gone:
        is_exempt, is_seen = _is_exempt(claim, evidence), _is_seen(claim, evidence)
        if is_exempt and is_seen:
            yield Ending(claim, "exempt", is_certain=True)
        elif _is_unknown(claim, evidence):
            continue
        elif is_exempt:
            yield Ending(claim, "exempt")
        elif not _still_consumes(claim, application, evidence):
            yield Ending(claim, _reason(claim, evidence))


def _unread(ending: Iterable[Ending], evidence: Evidence) -> Iterable[str]:
    for each in ending:
        if not each.is_certain and each.claim.user_id not in evidence.readings:
            yield each.claim.user_id


def _is_exempt(claim: Claim, evidence: Evidence) -> bool:
    """Whether he does not need a seat by the name he has now, or is no person."""
    names = [user.username for user in _accounts(claim, evidence)] or [claim.username]
    is_named = names[-1].lower() in evidence.exempt
    return is_named or claim.user_id in evidence.snapshot.service_accounts


def _is_seen(claim: Claim, evidence: Evidence) -> bool:
    return any(_accounts(claim, evidence)) or claim.user_id in evidence.snapshot.service_accounts


def _is_unknown(claim: Claim, evidence: Evidence) -> bool:
    """Whether the user could not be read, or his account is kept somewhere that does not answer."""
    reading = evidence.readings.get(claim.user_id)
    if reading is not None and reading.doubt is not None:
        return True
    providers = {
        claim.provider_id,
        provider_of(claim.user_id),
        *(user.provider_id for user in _accounts(claim, evidence)),
    }
    return not providers.isdisjoint(evidence.snapshot.silent_providers)


def _accounts(claim: Claim, evidence: Evidence) -> Iterator[User]:
    """Yield the user as the lists and as he himself show him, where they do."""
    reading = evidence.readings.get(claim.user_id)
    for user in (evidence.snapshot.users.get(claim.user_id), reading.user if reading else None):
        if user is not None:
            yield user


def _still_consumes(claim: Claim, application: Application, evidence: Evidence) -> bool:
    """Whether the user, read by himself, contradicts the lists."""
    reading = evidence.readings.get(claim.user_id)
    if reading is None or reading.user is None or not _is_enabled(reading.user, evidence):
        return False
    return any(application.counts(role) for role in reading.roles)


def _reason(claim: Claim, evidence: Evidence) -> str:
    reading = evidence.readings.get(claim.user_id)
    if reading is not None and reading.user is None:
        return "deleted"
    user = reading.user if reading else evidence.snapshot.users.get(claim.user_id)
    return "disabled" if user is not None and not _is_enabled(user, evidence) else "no_role"


def _is_enabled(user: User, evidence: Evidence) -> bool:
    """Whether he could log in, were it for the admins alone."""
    return user.enabled or user.id in evidence.snapshot.disabled_here
