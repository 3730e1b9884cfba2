"""Whose claim ends, and everything that speaks against it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot, Role, User, UserReading
from keycloak_license.model.seat import Claim, Consent, HeldRelease
from keycloak_license.plan.endings import Endings, Evidence, GuardTerms, find_endings
from keycloak_license.plan.guard import DEFAULT_GUARD

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WFM = Application("WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("wfm-app", ("agent",)),))
AGENT = Role("role-1", "WFM_AGENT")
REALM = RealmSnapshot("acme", "1")
ANN = Claim("WFM", "ann", "ann", None, 1, NOON, is_seated=True, seated_at=NOON)
ANN_USER = User("ann", "ann", enabled=True)
NOTHING_HELD = GuardTerms(NOON, DEFAULT_GUARD, ())


def ends(evidence: Evidence, claim: Claim = ANN) -> Endings:
    return find_endings(WFM, [claim], set(), evidence, NOTHING_HELD)


def with_reading(user: User | None, *roles: Role, snapshot: RealmSnapshot = REALM) -> Evidence:
    return Evidence(snapshot, readings={"ann": UserReading(user, frozenset(roles))})


def test_a_consumer_keeps_his_claim() -> None:
    assert find_endings(WFM, [ANN], {"ann"}, Evidence(REALM), NOTHING_HELD) == Endings()


def test_who_is_in_no_list_has_to_be_read_by_himself() -> None:
    assert ends(Evidence(REALM)) == Endings({"ann": "no_role"}, unconfirmed=("ann",))


def test_who_is_listed_as_disabled_has_to_be_read_too() -> None:
    listed = replace(REALM, users={"ann": replace(ANN_USER, enabled=False)})
    assert ends(Evidence(listed)) == Endings({"ann": "disabled"}, unconfirmed=("ann",))


def test_the_reading_confirms_and_tells_why() -> None:
    assert ends(with_reading(None)) == Endings({"ann": "deleted"})
    assert ends(with_reading(replace(ANN_USER, enabled=False), AGENT)) == Endings({"ann": "disabled"})
    assert ends(with_reading(ANN_USER, Role("role-2", "QM_AGENT"))) == Endings({"ann": "no_role"})


def test_the_reading_is_believed_more_than_a_list() -> None:
    assert ends(with_reading(ANN_USER, AGENT)) == Endings(kept=frozenset({"ann"}))
    assert ends(with_reading(ANN_USER, Role("role-3", "agent", "wfm-app"))).kept == {"ann"}


def test_whom_we_disabled_goes_on_waiting_as_long_as_he_has_a_role() -> None:
    off = replace(ANN_USER, enabled=False)
    ours = replace(REALM, disabled_here=frozenset({"ann"}))

    assert ends(with_reading(off, AGENT, snapshot=ours)) == Endings(kept=frozenset({"ann"}))
    assert ends(with_reading(off, snapshot=ours)) == Endings({"ann": "no_role"})


def test_a_role_of_the_same_name_elsewhere_does_not_count() -> None:
    assert ends(with_reading(ANN_USER, Role("role-4", "agent", "another"))).reasons == {"ann": "no_role"}


def test_a_gap_ends_nothing_and_asks_nobody() -> None:
    gap = replace(REALM, gaps=("the users of role A were not read",))
    assert ends(Evidence(gap)) == Endings(kept=frozenset({"ann"}))
    assert ends(with_reading(None, snapshot=gap)) == Endings(kept=frozenset({"ann"}))


def test_a_silent_provider_says_nothing_of_its_own_users() -> None:
    silent = replace(REALM, silent_providers={"ldap-1": "user storage provider corp is disabled"})
    kept = Endings(kept=frozenset({"ann"}))
    theirs = replace(ANN_USER, enabled=False, provider_id="ldap-1")
    assert ends(Evidence(silent), replace(ANN, provider_id="ldap-1")) == kept
    assert ends(Evidence(replace(silent, users={"ann": theirs}))) == kept
    assert ends(with_reading(theirs, snapshot=silent)) == kept


def test_a_silent_provider_says_nothing_about_the_users_of_others() -> None:
    silent = replace(REALM, silent_providers={"ldap-1": "user storage provider corp is disabled"})
    assert ends(Evidence(silent), replace(ANN, provider_id="ldap-2")).reasons == {"ann": "no_role"}
    assert ends(with_reading(None, snapshot=silent)).reasons == {"ann": "deleted"}


def test_who_is_exempt_or_no_person_needs_no_reading() -> None:
    listed = replace(REALM, users={"ann": ANN_USER})
    assert ends(Evidence(listed, exempt=frozenset({"ann"}))) == Endings({"ann": "exempt"})
    robot = replace(REALM, service_accounts=frozenset({"ann"}))
    assert ends(Evidence(robot)) == Endings({"ann": "exempt"})


def test_who_is_exempt_by_a_name_that_only_the_claim_has_is_read_first() -> None:
    exempt = frozenset({"ann"})
    unseen = ends(Evidence(REALM, exempt=exempt))
    assert (unseen.reasons, unseen.unconfirmed) == ({"ann": "exempt"}, ("ann",))
    renamed = UserReading(replace(ANN_USER, username="eva"), frozenset({AGENT}))
    assert ends(Evidence(REALM, exempt, {"ann": renamed})) == Endings(kept=frozenset({"ann"}))


def test_who_could_not_be_read_keeps_what_he_has_and_holds_up_nobody_else() -> None:
    readings = {"ann": UserReading(None, doubt="a user was not read (503)"), "u0": UserReading(None)}
    found = find_endings(WFM, [ANN, *many(1)], set(), Evidence(REALM, readings=readings), NOTHING_HELD)
    assert (found.kept, found.reasons) == (frozenset({"ann"}), {"u0": "deleted"})


def test_the_id_of_a_user_who_is_not_imported_names_his_provider() -> None:
    silent = replace(REALM, silent_providers={"ldap-1": "user storage provider corp is disabled"})
    old = replace(ANN, user_id="f:ldap-1:ann")
    assert ends(Evidence(silent), old).kept == {"f:ldap-1:ann"}
    assert ends(Evidence(silent), replace(ANN, user_id="f:ldap-2:ann")).kept == frozenset()


def many(count: int) -> list[Claim]:
    return [replace(ANN, user_id=f"u{number}", username=f"u{number}") for number in range(count)]


def test_who_is_held_keeps_his_claim_and_is_read_once() -> None:
    found = find_endings(WFM, many(10), set(), Evidence(REALM), NOTHING_HELD)
    assert len(found.held) == 10
    assert found.kept == {f"u{number}" for number in range(10)}
    assert (found.reasons, len(found.unconfirmed)) == ({}, 10)
    again = find_endings(WFM, many(10), set(), Evidence(REALM), replace(NOTHING_HELD, earlier=found.held))
    assert (again.held, again.unconfirmed) == (found.held, ())


def test_who_was_confirmed_by_a_person_is_still_read() -> None:
    found = find_endings(
        WFM, many(10), set(), Evidence(REALM), replace(NOTHING_HELD, consent=Consent(to_all=True))
    )
    assert found.held == ()
    assert len(found.unconfirmed) == 10


def test_only_what_was_confirmed_ends_and_the_others_stay_held() -> None:
    terms = replace(NOTHING_HELD, earlier=held(*(f"u{number}" for number in range(10))))
    confirmed = Consent(releases=frozenset({("WFM", "u3"), ("WFM", "u7"), ("QM", "u1")}))
    found = find_endings(WFM, many(10), set(), Evidence(REALM), replace(terms, consent=confirmed))
    assert found.reasons == {"u3": "no_role", "u7": "no_role"}
    assert found.unconfirmed == ("u3", "u7")
    assert {each.user_id for each in found.held} == {f"u{number}" for number in range(10)} - {"u3", "u7"}


def test_a_confirmed_release_does_not_end_what_the_lists_lack_but_the_user_himself_has() -> None:
    confirmed = replace(NOTHING_HELD, consent=Consent(releases=frozenset({("WFM", "ann")})))
    found = find_endings(WFM, [ANN], set(), with_reading(ANN_USER, AGENT), confirmed)
    assert found == Endings(kept=frozenset({"ann"}))


def test_what_was_confirmed_makes_a_few_others_no_more_suspicious() -> None:
    eight = frozenset(("WFM", f"u{number}") for number in range(8))
    terms = replace(NOTHING_HELD, earlier=held(*(user for _, user in eight)), consent=Consent(releases=eight))
    few = find_endings(WFM, many(10), set(), Evidence(REALM), terms)
    assert (few.held, len(few.reasons)) == ((), 10)
    found = find_endings(WFM, many(14), set(), Evidence(REALM), terms)
    assert {each.user_id for each in found.held} == {f"u{number}" for number in range(8, 14)}


def held(*names: str) -> tuple[HeldRelease, ...]:
    return tuple(HeldRelease("WFM", name, name, "no_role", NOON) for name in names)


def test_a_gap_neither_ends_nor_forgets_what_is_held() -> None:
    gap = Evidence(replace(REALM, gaps=("the users of role A were not read",)))
    earlier: Mapping[str, GuardTerms] = {
        "forced": replace(NOTHING_HELD, earlier=held("u0", "u1", "back"), consent=Consent(to_all=True)),
        "not": replace(NOTHING_HELD, earlier=held("u0", "u1", "back")),
    }
    for holding in earlier.values():
        assert find_endings(WFM, many(10), {"back"}, gap, holding).held == held("u0", "u1")


def test_what_is_held_of_another_application_is_not_touched() -> None:
    other = tuple(replace(each, application="QM") for each in held("ann"))
    assert find_endings(WFM, [], set(), Evidence(REALM), replace(NOTHING_HELD, earlier=other)).held == ()
