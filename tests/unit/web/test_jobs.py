"""A sync that somebody at the screen asked for, in a thread of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Thread
from threading import enumerate as all_threads

from keycloak_license.errors import LedgerError, UnavailableError
from keycloak_license.model.license import LicenseState, Reason, Standing
from keycloak_license.model.progress import Progress
from keycloak_license.model.report import RealmReport, SyncReport
from keycloak_license.web.jobs import Job, JobState

STANDING = Standing(LicenseState.NONE, Reason.NO_LICENSE)
REPORT = SyncReport(
    RealmReport("acme", "1", STANDING, (), datetime(2026, 5, 1, tzinfo=UTC), is_complete=True), (), False
)
LONG = 60.0
"""Seconds that end a test that hangs."""


@dataclass
class Sync:
    """What a job is given to do; it takes as long as the test wants."""

    error: Exception | None = None
    done_error: Exception | None = None
    may_end: Event = field(default_factory=Event)
    is_told: Event = field(default_factory=Event)
    problems: list[str | None] = field(default_factory=list)

    def work(self, progress: Progress) -> SyncReport:
        progress("Reading", 3, 12)
        self.is_told.set()
        assert self.may_end.wait(LONG)
        if self.error:
            raise self.error
        return REPORT

    def done(self, problem: str | None) -> None:
        self.problems.append(problem)
        if self.done_error:
            raise self.done_error

    def run(self, job: Job) -> JobState:
        """Do it, and return how it ended."""
        self.may_end.set()
        assert job.start(self.work, self.done)
        finish()
        return job.state


def finish() -> None:
    """Wait until every sync is over."""
    for thread in all_threads():
        if thread.name == "sync from the screen":
            thread.join(LONG)
            assert not thread.is_alive()


def test_there_is_nothing_to_tell_before_the_first() -> None:
    assert Job().state == JobState()


def test_it_ends_with_a_report() -> None:
    sync = Sync()
    assert sync.run(Job()) == JobState(report=REPORT)
    assert sync.problems == [None]


def test_meanwhile_it_tells_how_far_it_is() -> None:
    job, sync = Job(), Sync()
    assert job.start(sync.work, sync.done)
    assert sync.is_told.wait(LONG)
    assert job.state == JobState(is_running=True, what="Reading", done=3, total=12)
    assert job.state.percent == 25
    assert sync.problems == []
    sync.may_end.set()
    finish()
    assert not job.state.is_running


def test_there_is_one_at_a_time() -> None:
    job, first, second = Job(), Sync(), Sync()
    assert job.start(first.work, first.done)
    assert not job.start(second.work, second.done)
    first.may_end.set()
    finish()
    assert (first.problems, second.problems, second.is_told.is_set()) == ([None], [], False)
    second.run(job)
    assert second.problems == [None]


def test_of_many_who_ask_at_once_one_is_served() -> None:
    job, sync, started = Job(), Sync(), []
    threads = [Thread(target=lambda: started.append(job.start(sync.work, sync.done))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    sync.may_end.set()
    finish()
    assert sorted(started) == [False] * 19 + [True]
    assert sync.problems == [None]


def test_an_error_is_its_sentence() -> None:
    sync = Sync(error=UnavailableError("Keycloak is away"))
    assert sync.run(Job()) == JobState(problem="Keycloak is away")
    assert sync.problems == ["Keycloak is away"]


def test_a_crash_is_a_fault_of_ours_and_another_sync_may_follow() -> None:
    job, sync = Job(), Sync(error=ZeroDivisionError("secret"))
    problem = sync.run(job).problem
    assert problem is not None
    assert "fault of ours (ZeroDivisionError)" in problem
    assert "secret" not in problem
    assert sync.problems == [problem]
    assert Sync().run(job) == JobState(report=REPORT)


def test_that_it_could_not_be_noted_is_a_problem_beside_what_was_done() -> None:
    sync = Sync(done_error=LedgerError("The database is locked"))
    assert sync.run(Job()) == JobState(report=REPORT, problem="The database is locked")
    sync = Sync(error=UnavailableError("away"), done_error=LedgerError("The database is locked"))
    assert sync.run(Job()) == JobState(problem="away")


def test_nothing_is_a_share_of_nothing() -> None:
    assert JobState(is_running=True, what="Reading").percent is None
