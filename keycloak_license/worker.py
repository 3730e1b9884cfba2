"""When to sync; never what a sync does.

In: a ticker for each realm and an interval; out: log lines and metrics. Called by `cli.run`. A tick that
comes late is run, ticks that pile up are run once, and a realm is never synced twice at the same time.
"""

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from threading import Event, Thread
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from keycloak_license.errors import (
    ConfigurationError,
    InterruptedSyncError,
    KeycloakLicenseError,
    LeaseLostError,
    LeaseTakenError,
)
from keycloak_license.model.notice import Delivered, Refused, Unreachable
from keycloak_license.model.report import SyncReport
from keycloak_license.monitoring.management import serve_management
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.services.delivery import Attempt, Post, deliver
from keycloak_license.services.following import Follower, Look
from keycloak_license.services.sharing import Membership

log = structlog.get_logger()

LOOKING_THREADS = 4
READING_THREADS = 2
"""More full reads at once take Keycloak as long as one after the other."""
WITHOUT_SYNC = frozenset({"unchanged", "postponed", "left"})
"""What may come of a look that leads to no sync."""
ADDRESS = re.compile(r"\S+@\S+")
SLICE_SECONDS = 0.5
STOP_SECONDS = 8.0
"""Below the ten seconds after which container runtimes kill."""


def run_worker(tickers: Sequence["Ticker"], postman: "Postman", interval_seconds: int, stop: Event) -> bool:
    """Sync the realms until `stop` is set; then the sync under way ends between two writes.

    Full reads have threads of their own, first come first served, so that a large realm keeps no other
    waiting; so have notices, for a mail server may be slow, and signs of life, which nothing may hold up.
    Returns whether all ended: false when a request is still waiting for its answer after `STOP_SECONDS`.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={
            "default": ThreadPoolExecutor(min(len(tickers), LOOKING_THREADS)),
            "reading": ThreadPoolExecutor(min(len(tickers), READING_THREADS)),
            "beating": ThreadPoolExecutor(1),
            "posting": ThreadPoolExecutor(1),
        },
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_listener(_log_late_tick, EVENT_JOB_MAX_INSTANCES)

    def tick(ticker: Ticker) -> None:
        if ticker.look():
            scheduler.add_job(ticker.read, executor="reading")

    names = [ticker.realm for ticker in tickers]
    apart = timedelta(seconds=interval_seconds) / len(tickers)
    for number, ticker in enumerate(tickers):
        first = datetime.now(UTC) + number * apart
        scheduler.add_job(
            tick, "interval", [ticker], seconds=interval_seconds, id=ticker.realm, next_run_time=first
        )
    if postman.post.carriers:
        scheduler.add_job(_keep_posting, args=[postman, interval_seconds, stop], executor="posting")
    beat = Beat(tickers[0].membership, tickers[0].metrics)
    # Before the first look, so that who joins takes no more than its share.
    beat()
    scheduler.add_job(_keep_beating, args=[beat, scheduler, stop], executor="beating")
    scheduler.start()
    log.info("worker_started", realms=names, interval_seconds=interval_seconds)
    # In slices, for a signal that comes just before a wait begins is seen only after it.
    while not stop.wait(SLICE_SECONDS):
        pass
    log.info("worker_stopping")
    ending = Thread(target=scheduler.shutdown, daemon=True)
    ending.start()
    ending.join(STOP_SECONDS)
    log.info("worker_stopped", request_abandoned=ending.is_alive())
    return not ending.is_alive()


@contextmanager
def management_port(host: str, port: int, tickers: Sequence["Ticker"]) -> Iterator[None]:
    """Serve health and metrics; a port that is taken is no reason not to sync.

    Ready is who has synced, and who has nothing to sync because other workers have all realms.
    """

    def is_ready() -> bool:
        return any(ticker.has_succeeded for ticker in tickers) or not tickers[0].membership.realms

    with ExitStack() as stack:
        try:
            server = serve_management(host, port, tickers[0].metrics.registry, is_ready)
            log.info("management_port_open", port=stack.enter_context(server))
        except ConfigurationError as error:
            log.error("management_port_unavailable", error=str(error))  # noqa: TRY400 - the sentence is enough
        yield


@dataclass
class Ticker:
    """Keeps one realm in line; trouble is logged as it begins, changes and ends."""

    follower: Follower
    metrics: Metrics
    membership: Membership
    has_succeeded: bool = field(default=False, init=False)
    """Whether a sync has finished since the start."""
    _is_reading: bool = field(default=False, init=False)
    """Whether a full read is due or under way."""
    _trouble: tuple[str, ...] = field(default=(), init=False)

    @property
    def realm(self) -> str:
        """The realm's name."""
        return self.follower.managed.name

    def look(self) -> bool:
        """Bring in line what has changed; return whether `read` is to be called, once, by anybody."""
        if self._is_reading:
            log.warning("sync_still_running", realm=self.realm)
            return False
        self._is_reading = self._attempt(self.follower.look)
        return self._is_reading

    def read(self) -> None:
        """Read everything and sync; whatever goes wrong, the next look tries again."""
        try:
            self._attempt(lambda now: Look(self.follower.read(now)))
        finally:
            self._is_reading = False

    def _attempt(self, act: Callable[[datetime], Look]) -> bool:
        """Return whether a full read is due."""
        began = time.monotonic()
        result, is_read_due = "crashed", False
        try:
            result, is_read_due = self._sync(act)
        except Exception as error:
            self._tell("sync_crashed", (type(error).__name__,))
            log.debug("sync_crashed_at", realm=self.realm, exc_info=True)
            self.metrics.show_failure(self.realm)
        if not is_read_due:
            seconds = None if result in WITHOUT_SYNC else time.monotonic() - began
            self.metrics.count_sync(self.realm, result, seconds)
        return is_read_due

    def _sync(self, act: Callable[[datetime], Look]) -> tuple[str, bool]:
        """Return what came of it, and whether a full read is due."""
        realm = self.realm
        if not self.membership.is_mine(realm):
            log.debug("sync_left_to_another_process", realm=realm)
            self.metrics.forget(realm)
            return "left", False
        try:
            look = act(datetime.now(UTC))
        except InterruptedSyncError:
            log.info("sync_interrupted", realm=realm)
            return "interrupted", False
        except LeaseTakenError:
            log.debug("sync_left_to_another_process", realm=realm)
            return "left", False
        except LeaseLostError as error:
            log.warning("sync_overtaken", realm=realm, error=str(error))
            return "overtaken", False
        except KeycloakLicenseError as error:
            self._tell("sync_failed", (str(error),))
            self.metrics.show_failure(realm)
            return "failed", False
        if look.is_unchanged:
            self.metrics.show_success(realm, datetime.now(UTC))
        if look.report is None:
            return "unchanged" if look.is_unchanged else "postponed", look.is_read_due
        self.has_succeeded = True
        self.metrics.show_report(look.report.realm, datetime.now(UTC))
        self.metrics.count_drift(realm, look.report.drift)
        self._log(look.report)
        return "complete" if look.report.realm.is_complete else "incomplete", False

    def _log(self, report: SyncReport) -> None:
        """Log what a sync did; one that changed nothing only when debugging."""
        realm = report.realm
        write = log.info if report.changes else log.debug
        write(
            "sync_finished",
            realm=realm.realm,
            changes=len(report.changes),
            license_state=realm.standing.state.value,
            access=realm.standing.access,
            complete=realm.is_complete,
            held=len(realm.held),
        )
        if not realm.is_complete:
            self._tell("sync_incomplete", realm.gaps)
        elif report.refused:
            self._tell("users_not_changed", tuple(sorted(report.refused)))
        elif realm.held:
            counts = Counter(each.application for each in realm.held)
            self._tell("releases_held", tuple(f"{name} {count}" for name, count in sorted(counts.items())))
        elif self._trouble:
            self._trouble = ()
            log.info("sync_recovered", realm=realm.realm)

    def _tell(self, event: str, what: tuple[str, ...]) -> None:
        trouble = (event, *what)
        write = log.debug if trouble == self._trouble else log.warning
        write(event, realm=self.realm, reasons=list(what))
        self._trouble = trouble


@dataclass
class Beat:
    """Keeps this worker among the living each time it is called; all realms are its own before the first."""

    membership: Membership
    metrics: Metrics
    _realms: frozenset[str] | None = field(default=None, init=False)
    _lost: int = field(default=0, init=False)
    """How many beats in a row have come to nothing."""

    def __call__(self) -> frozenset[str]:
        """Return the realms that have just become this worker's; whatever goes wrong, the next one tries."""
        try:
            self.membership.beat()
        except Exception as error:
            self._lost += 1
            # One alone changes nothing, and happens to whoever was held up in the middle of it.
            write = log.warning if self._lost == 2 else log.debug
            is_told = isinstance(error, KeycloakLicenseError)
            write("realms_not_shared", reason=str(error) if is_told else type(error).__name__)
            log.debug("realms_not_shared_at", exc_info=True)
        else:
            self._lost = 0
        before, self._realms = self._realms, self.membership.realms
        self.metrics.show_realms(len(self._realms))
        if self._realms != before:
            log.info("realms_shared", realms=sorted(self._realms), workers=len(self.membership.alive))
        return self._realms - (before or frozenset())

    def end(self) -> None:
        """Leave the realms to the others; those who are not told find out by themselves."""
        with suppress(KeycloakLicenseError):
            self.membership.end()


@dataclass
class Postman:
    """Brings out what is due each time it is called; trouble is logged as it begins, changes and ends.

    No line of it holds an address, nor what a server has said of one notice, for that may hold one.
    """

    post: Post
    metrics: Metrics
    _trouble: dict[str, str] = field(default_factory=dict, init=False)

    def __call__(self) -> None:
        """Try everything that is due; whatever goes wrong, the next call tries again."""
        try:
            for attempt in deliver(self.post, lambda: datetime.now(UTC)):
                self._note(attempt)
        except KeycloakLicenseError as error:
            self._tell("outbox", str(error))
        except Exception as error:
            self._tell("outbox", type(error).__name__)
            log.debug("notices_not_delivered_at", exc_info=True)
        else:
            self._trouble.pop("outbox", None)

    def _note(self, attempt: Attempt) -> None:
        delivery = attempt.delivery
        channel, realm = delivery.channel.value, delivery.notice.realm
        about = {"realm": realm, "kind": delivery.notice.kind, "channel": channel, "id": delivery.id}
        if delivery.is_uncertain:
            log.warning("notice_maybe_delivered_twice", **about)
        match attempt.outcome:
            case Delivered():
                self.metrics.count_notice(realm, channel, "delivered")
                log.info("notice_delivered", **about)
                if self._trouble.pop(channel, None):
                    log.info("notices_delivered_again", channel=channel)
            case Unreachable() | Refused() if attempt.next_at is None:
                self.metrics.count_notice(realm, channel, "given_up")
                log.warning("notice_given_up", **about)
            case Unreachable():
                self.metrics.count_notice(realm, channel, "put_off")
            case Refused():
                self.metrics.count_notice(realm, channel, "refused")
                log.warning("notice_refused", **about)
        if isinstance(attempt.outcome, Unreachable):
            self._tell(channel, ADDRESS.sub("[masked]", attempt.outcome.problem))

    def _tell(self, what: str, reason: str) -> None:
        write = log.debug if self._trouble.get(what) == reason else log.warning
        write("notices_not_delivered", by=what, reason=reason)
        self._trouble[what] = reason


def stop_on_signals(stop: Event) -> None:
    """Set the event on SIGTERM and SIGINT.

    By a thread: a signal interrupts whoever waits for the event, maybe while he has its lock.
    """
    signals: SimpleQueue[int] = SimpleQueue()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signals.put(number)

    def pass_on() -> None:
        signals.get()
        stop.set()

    Thread(target=pass_on, name="signals", daemon=True).start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def _keep_beating(beat: Beat, scheduler: BackgroundScheduler, stop: Event) -> None:
    while not stop.wait(beat.membership.beat_seconds):
        for realm in beat():
            scheduler.modify_job(realm, next_run_time=datetime.now(UTC))
    beat.end()


def _keep_posting(postman: Postman, interval_seconds: int, stop: Event) -> None:
    while not stop.wait(interval_seconds):
        postman()


def _log_late_tick(event: JobEvent) -> None:
    log.warning("sync_still_running", realm=event.job_id)
