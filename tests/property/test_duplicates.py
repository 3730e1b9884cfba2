"""Duplicate people, against a model that compares accounts two by two."""

from itertools import combinations
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.realm import User
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.duplicates import find_duplicates, normalized
from tests.property.strategies import NOON

IDS = tuple(f"user-{number}" for number in range(6))
SPELLINGS = (
    "ann@x.example",
    "Ann@X.example",
    " ann@x.example ",
    "jos\u00e9@x.example",
    "JOSE\u0301@x.example",
)
"""Two people, whatever it looks like."""

users = st.fixed_dictionaries(
    {
        id_: st.builds(
            User,
            id=st.just(id_),
            username=st.just(f"name-{id_}"),
            enabled=st.just(value=True),
            email=st.none() | st.sampled_from(["", *SPELLINGS]),
            provider_id=st.sampled_from([None, None, "ldap", "other"]),
            email_verified=st.booleans(),
        )
        for id_ in IDS
    }
)


@st.composite
def allocations(draw: st.DrawFn) -> list[Allocation]:
    made = []
    for application in ("WFM", "QM"):
        claims = [
            Claim(application, id_, f"name-{id_}", None, None, NOON, is_seated=draw(st.booleans()))
            for id_ in draw(st.lists(st.sampled_from([*IDS, "unseen"]), unique=True))
        ]
        seated = tuple(each for each in claims if each.is_seated)
        made.append(Allocation(application, 3, seated, tuple(each for each in claims if not each.is_seated)))
    return made


def are_one(one: User, other: User) -> bool:
    """Whether two accounts are one person's, by themselves."""
    if not one.email or not other.email or normalized(one.email) != normalized(other.email):
        return False
    is_vouched_for = one.email_verified and other.email_verified
    return is_vouched_for or one.provider_id is not None or other.provider_id is not None


@given(users, allocations())
def test_who_is_one_with_another_is_shown_and_nobody_else(
    known: dict[str, User], made: list[Allocation]
) -> None:
    present = {each.user_id for one in made for each in (*one.seated, *one.waiting)} & known.keys()
    pairs = [
        (one, other) for one, other in combinations(sorted(present), 2) if are_one(known[one], known[other])
    ]

    people = find_duplicates(known, made).people

    groups = [{each.user.id for each in person.accounts} for person in people]
    assert {id_ for group in groups for id_ in group} == {id_ for pair in pairs for id_ in pair}
    assert all(any({*pair} <= group for group in groups) for pair in pairs)
    assert sum(map(len, groups)) == len(set().union(*groups))


@given(users, allocations())
def test_the_seats_saved_are_those_beyond_the_first_of_each_application(
    known: dict[str, User], made: list[Allocation]
) -> None:
    report = find_duplicates(known, made)

    for person in report.people:
        ids = {each.user.id for each in person.accounts}
        held = [sum(claim.user_id in ids for claim in each.seated) for each in made]
        assert person.seats_saved == sum(max(0, count - 1) for count in held)
    assert report.seats_saved <= sum(len(each.seated) for each in made)


@given(users, allocations())
def test_verifying_every_address_leaves_nobody_uncertain_and_loses_nobody(
    known: dict[str, User], made: list[Allocation]
) -> None:
    verified = {
        id_: User(id_, each.username, True, each.email, None, each.provider_id, True)
        for id_, each in known.items()
    }

    before, after = find_duplicates(known, made), find_duplicates(verified, made)

    assert after.unverified == 0
    shown = [sum(len(person.accounts) for person in each.people) for each in (before, after)]
    assert shown[0] + before.unverified == shown[1]


@given(st.text())
def test_spellings_of_one_address_are_the_same(text: str) -> None:
    spellings = [text, normalize("NFC", text), normalize("NFD", text), f" {text}\n", normalized(text)]

    assert {normalized(each) for each in spellings} == {normalized(text)}


@given(st.text(alphabet=st.characters(max_codepoint=126)))
def test_case_makes_no_difference(text: str) -> None:
    assert normalized(text.upper()) == normalized(text.lower())
