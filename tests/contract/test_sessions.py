"""Who is at the screen, and what people did there: the same in memory and in both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from keycloak_license.ledger.connection import writing
from keycloak_license.ledger.sessions import SqlSessions
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.ledger.tables import audit_entries
from keycloak_license.model.session import AuditAction, AuditEntry, LoginAttempt
from keycloak_license.services.ports import Audit, Ledger, Sessions
from tests.fake_sessions import MemoryAudit, MemorySessions
from tests.fakes import MemoryLedger
from tests.property.test_ledger import instants, words
from tests.unit.ledger.samples import NOON
from tests.unit.ledger.screen_samples import a_session, an_attempt, an_entry, key_of

TICK, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
EAST = timezone(timedelta(hours=5, minutes=45))
ODD = ("žofie", "o'neil\"; --", "a\\b\n\t", "\u202eevil", "👩‍🚀", "", " ", "%_*", "f:ldap:ümlaut", "x" * 5000)


@pytest.fixture
def sessions(ledger: Ledger) -> Sessions:
    return ledger.sessions


@pytest.fixture
def audit(ledger: Ledger) -> Audit:
    return ledger.audit


def impatient(ledger: Ledger, max_attempts: int) -> Sessions:
    """Return the same sessions with room for fewer logins."""
    if isinstance(ledger, SqlLedger):
        return SqlSessions(ledger._engine, max_attempts)
    assert isinstance(ledger, MemoryLedger)
    ledger.sessions.max_attempts = max_attempts
    return ledger.sessions


# --- logins


def test_a_login_comes_back_as_it_began_and_only_once(sessions: Sessions) -> None:
    attempt = an_attempt(state="a b", nonce="žluť", return_to="/realms/acme/licenses?page=2&q=%00")
    sessions.begin_login(attempt)
    sessions.begin_login(other := an_attempt("other"))
    assert sessions.take_login(attempt.key) == attempt
    assert sessions.take_login(attempt.key) is None
    assert sessions.take_login(other.key) == other


def test_a_login_that_never_began_is_none(sessions: Sessions) -> None:
    sessions.begin_login(attempt := an_attempt())
    for name in (attempt.key.upper(), attempt.key[:-1], f"{attempt.key} ", "", "%"):
        assert sessions.take_login(name) is None
    assert sessions.take_login(attempt.key) == attempt


def test_of_many_who_take_a_login_at_once_one_gets_it(sessions: Sessions) -> None:
    start = Barrier(8)

    def take(key: str) -> LoginAttempt | None:
        start.wait(60)
        return sessions.take_login(key)

    with ThreadPoolExecutor(8) as threads:
        for number in range(10):
            sessions.begin_login(attempt := an_attempt(f"{number}"))
            taken = [each for each in threads.map(take, [attempt.key] * 8) if each is not None]
            assert taken == [attempt]


def test_where_too_many_logins_begin_the_oldest_of_the_realm_are_given_up(ledger: Ledger) -> None:
    sessions = impatient(ledger, 3)
    sessions.begin_login(elsewhere := an_attempt("elsewhere", realm="beta", begun_at=NOON - HOUR))
    attempts = [an_attempt(f"{number}", begun_at=NOON + number * TICK) for number in range(5)]
    for attempt in (attempts[3], *attempts[:3], attempts[4]):
        sessions.begin_login(attempt)
    kept = [attempt for attempt in attempts if sessions.take_login(attempt.key) is not None]
    assert kept == attempts[2:]
    assert sessions.take_login(elsewhere.key) == elsewhere


def test_one_who_floods_a_realm_with_logins_keeps_it_at_its_bound(ledger: Ledger) -> None:
    sessions = impatient(ledger, 5)
    keys = [key_of(f"{number}") for number in range(40)]
    for key in keys:
        sessions.begin_login(an_attempt(key=key))
    assert sum(sessions.take_login(key) is not None for key in keys) == 5


# --- sessions


def test_a_session_is_found_as_it_began_by_its_key_only(sessions: Sessions) -> None:
    sessions.begin(session := a_session())
    sessions.begin(a_session("other"))
    assert sessions.find(session.key) == session
    for name in (session.key.upper(), session.key[:-1], f"{session.key} ", "", "%"):
        assert sessions.find(name) is None


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_names_are_kept_as_they_are(ledger: Ledger, name: str) -> None:
    sessions, audit = ledger.sessions, ledger.audit
    sessions.begin(session := a_session(realm=name, username=name, user_id=name, sid=name))
    audit.record(entry := an_entry(realm=name, username=name, user_id=name, what=name, problem=name))
    assert sessions.find(session.key) == session
    assert audit.read(name, 9) == (entry,)
    assert sessions.end_of_user(name, f"{name}x") == sessions.end_of_sid(f"{name}x", name) == 0
    assert sessions.end_of_user(name, name) == 1


def test_a_session_that_is_kept_has_only_its_times_changed(sessions: Sessions) -> None:
    sessions.begin(session := a_session())
    sessions.begin(other := a_session("other"))
    sessions.keep(session.key, NOON + 2 * MINUTE, NOON + MINUTE)
    assert sessions.find(session.key) == replace(session, seen_at=NOON + 2 * MINUTE, checked_at=NOON + MINUTE)
    assert sessions.find(other.key) == other


@pytest.mark.parametrize(
    "end",
    [
        lambda sessions: sessions.end(key_of("one")),
        lambda sessions: sessions.end_of_sid("acme", "sid"),
        lambda sessions: sessions.end_of_user("acme", "id-eva"),
        lambda sessions: sessions.forget(
            attempts_before=NOON, begun_before=NOON + TICK, seen_before=NOON - HOUR
        ),
    ],
    ids=["by itself", "sid", "user", "age"],
)
def test_a_session_that_has_ended_is_not_brought_back_by_who_still_used_it(
    sessions: Sessions, end: Callable[[Sessions], object]
) -> None:
    sessions.begin(session := a_session())
    end(sessions)
    sessions.keep(session.key, NOON + HOUR, NOON + HOUR)
    assert sessions.find(session.key) is None
    end(sessions)


def test_a_session_that_ends_while_many_use_it_is_over_for_all(sessions: Sessions) -> None:
    start = Barrier(6)

    def use(number: int, key: str) -> None:
        start.wait(60)
        if number == 3:
            sessions.end(key)
        for minute in range(5):
            sessions.keep(key, NOON + minute * MINUTE, NOON)

    with ThreadPoolExecutor(6) as threads:
        for number in range(5):
            sessions.begin(session := a_session(f"{number}"))
            list(threads.map(use, range(6), [session.key] * 6))
            assert sessions.find(session.key) is None


def test_the_end_of_one_of_keycloaks_sessions_ends_all_that_began_in_it(sessions: Sessions) -> None:
    ended = [a_session("one"), a_session("two", user_id="id-bob")]
    others = [a_session("three", sid="SID"), a_session("four", realm="beta")]
    for each in (*ended, *others):
        sessions.begin(each)
    assert sessions.end_of_sid("acme", "sid") == 2
    assert [sessions.find(each.key) for each in (*ended, *others)] == [None, None, *others]
    assert sessions.end_of_sid("acme", "sid") == 0


def test_all_sessions_of_a_user_end_together(sessions: Sessions) -> None:
    ended = [a_session("one"), a_session("two", sid="another")]
    others = [a_session("three", user_id="id-bob"), a_session("four", realm="beta")]
    for each in (*ended, *others):
        sessions.begin(each)
    assert sessions.end_of_user("acme", "id-eva") == 2
    assert [sessions.find(each.key) for each in (*ended, *others)] == [None, None, *others]
    assert sessions.end_of_user("acme", "id-eva") == 0


def test_what_is_too_old_is_forgotten_and_what_is_just_young_enough_stays(sessions: Sessions) -> None:
    old = NOON - TICK
    sessions.begin_login(stale := an_attempt("stale", begun_at=old))
    sessions.begin_login(fresh := an_attempt("fresh"))
    for each in (
        a_session("begun too early", begun_at=old - HOUR, seen_at=NOON),
        a_session("not seen since", begun_at=NOON - HOUR, seen_at=old),
        kept := a_session("kept", begun_at=NOON - HOUR, seen_at=NOON, checked_at=old - HOUR),
    ):
        sessions.begin(each)
    for _ in range(2):
        sessions.forget(attempts_before=NOON, begun_before=NOON - HOUR, seen_before=NOON)
    assert sessions.take_login(stale.key) is None
    assert sessions.take_login(fresh.key) == fresh
    assert sessions.find(key_of("begun too early")) is None
    assert sessions.find(key_of("not seen since")) is None
    assert sessions.find(kept.key) == kept


def test_times_come_back_exact_and_in_utc(ledger: Ledger) -> None:
    at = datetime(2026, 1, 1, 3, 0, 0, 1, tzinfo=EAST)
    sessions, later = ledger.sessions, at + TICK
    sessions.begin_login(an_attempt(begun_at=at))
    sessions.begin(a_session(begun_at=at, seen_at=at, checked_at=at))
    sessions.keep(key_of("one"), later, later)
    ledger.audit.record(an_entry(at=at))

    attempt, session = sessions.take_login(key_of("one")), sessions.find(key_of("one"))
    [entry] = ledger.audit.read("acme", 1)
    assert attempt
    assert session
    told = [attempt.begun_at, session.begun_at, entry.at, session.seen_at, session.checked_at]
    assert told == [at, at, at, later, later]
    assert {each.tzinfo for each in told} == {UTC}


def test_a_time_without_a_zone_is_refused_and_nothing_written(ledger: Ledger) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    sessions = ledger.sessions
    sessions.begin(session := a_session())
    writes: tuple[Callable[[], None], ...] = (
        lambda: sessions.begin_login(an_attempt(begun_at=naive)),
        lambda: sessions.begin(replace(session, seen_at=naive)),
        lambda: sessions.keep(session.key, naive, NOON),
        lambda: sessions.keep(session.key, NOON, naive),
        lambda: ledger.audit.record(an_entry(at=naive)),
    )
    for write in writes:
        with pytest.raises(ValueError, match="has no time zone"):
            write()
    assert sessions.find(session.key) == session
    assert sessions.take_login(key_of("one")) is None
    assert ledger.audit.read("acme", 1) == ()


# --- audit


def test_the_latest_entries_of_a_realm_are_read_newest_first(audit: Audit) -> None:
    # What was recorded last is the newest, whatever a clock said.
    entries = [an_entry(f"{number}", at=NOON - number * HOUR) for number in range(5)]
    for entry in entries:
        audit.record(entry)
        audit.record(replace(entry, realm="beta"))
    assert audit.read("acme", 3) == (entries[4], entries[3], entries[2])
    assert audit.read("acme", 99) == tuple(reversed(entries))
    assert audit.read("acme", 0) == audit.read("Acme", 99) == ()


@pytest.mark.parametrize("action", AuditAction)
def test_every_action_comes_back_with_why_it_was_not_done(audit: Audit, action: AuditAction) -> None:
    entries = [an_entry(action=action), an_entry(action=action, problem="He does not have the role.")]
    for entry in entries:
        audit.record(entry)
    found = audit.read("acme", 2)
    assert found == tuple(reversed(entries))
    assert [each.action for each in found if each.action is action] == [action] * 2


def test_the_same_done_twice_is_told_twice(audit: Audit) -> None:
    for _ in range(2):
        audit.record(an_entry())
    assert audit.read("acme", 9) == (an_entry(), an_entry())


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"], indirect=True)
def test_what_this_version_cannot_read_hides_no_other(ledger: SqlLedger) -> None:
    for what in ("kept", "from the future"):
        ledger.audit.record(an_entry(what))
    with writing(ledger._engine) as connection:
        newer = update(audit_entries).where(audit_entries.c.what == "from the future")
        connection.execute(newer.values(action="teleport"))
    assert ledger.audit.read("acme", 1) == (an_entry("kept"),)


# --- any history


names = st.sampled_from(["one", "two", "three", "four"])
realms = st.sampled_from(["a", "b"])
moments = st.integers(-2, 2).map(lambda number: NOON + number * TICK)
attempts = st.builds(an_attempt, names, realm=realms, state=words, return_to=words, begun_at=moments)
begun = st.builds(
    a_session,
    names,
    realm=realms,
    user_id=st.sampled_from(["1", "f:ldap:2"]),
    username=words,
    sid=st.sampled_from(["s", "S", ""]),
    begun_at=moments,
    seen_at=moments | instants,
    checked_at=instants,
)
Step = Callable[[Sessions], object]


def step(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    drawn = st.tuples(*arguments)
    return drawn.map(lambda given: lambda sessions: getattr(sessions, name)(*given))


def forget(attempts_before: datetime, begun_before: datetime, seen_before: datetime) -> Step:
    return lambda sessions: sessions.forget(
        attempts_before=attempts_before, begun_before=begun_before, seen_before=seen_before
    )


keys = names.map(key_of)
steps = st.one_of(
    step("begin_login", attempts),
    step("take_login", keys),
    step("begin", begun),
    step("find", keys),
    step("keep", keys, moments, instants),
    step("end", keys),
    step("end_of_sid", realms, st.sampled_from(["s", "S", ""])),
    step("end_of_user", realms, st.sampled_from(["1", "f:ldap:2"])),
    st.builds(forget, moments, moments, moments),
)


@settings(max_examples=30)
@given(history=st.lists(steps, max_size=25), most=st.integers(1, 3))
def test_all_sessions_answer_the_same_in_any_history(
    databases: tuple[SqlLedger, ...],
    history: list[Step],
    most: int,
) -> None:
    everybody: list[Sessions] = [MemorySessions(most)]
    everybody += [SqlSessions(database._engine, most) for database in databases]
    finds = [step_of("find", name) for name in ("one", "two", "three", "four")]
    takes = [step_of("take_login", name) for name in ("one", "two", "three", "four")]
    for each in (*history, *finds, *takes):
        answers = [each(sessions) for sessions in everybody]
        assert answers == answers[:1] * len(everybody)
    for sessions in everybody:
        forget(*[NOON + 99 * HOUR] * 3)(sessions)
        for realm in ("a", "b"):
            sessions.end_of_user(realm, "1")
            sessions.end_of_user(realm, "f:ldap:2")


def step_of(name: str, key: str) -> Step:
    return lambda sessions: getattr(sessions, name)(key_of(key))


examples = count()


@settings(max_examples=20)
@given(
    entries=st.lists(
        st.builds(
            an_entry,
            words,
            realm=realms,
            at=instants,
            username=words,
            action=st.sampled_from(AuditAction),
            problem=words | st.none(),
        ),
        max_size=8,
    ),
    limit=st.integers(0, 9),
)
def test_all_audits_tell_the_same(
    databases: tuple[SqlLedger, ...],
    entries: list[AuditEntry],
    limit: int,
) -> None:
    suffix = f" {next(examples)}"
    everybody: list[Audit] = [MemoryAudit(), *(database.audit for database in databases)]
    for audit in everybody:
        for entry in entries:
            audit.record(replace(entry, realm=entry.realm + suffix))
    for realm in (f"{name}{suffix}" for name in ("a", "b")):
        told = [audit.read(realm, limit) for audit in everybody]
        assert told == told[:1] * len(everybody)
