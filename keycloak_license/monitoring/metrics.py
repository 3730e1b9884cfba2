"""The figures of the worker, for Prometheus; never a user among them.

In: what each sync found; out: a registry that `management` shows. Made by `cli.run`, filled by `worker`.
"""

from collections import Counter
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as Total

from keycloak_license.model.report import ApplicationUsage, RealmReport

PREFIX = "keycloak_license"


class Metrics:
    """One process's figures; names and labels are part of the contract."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._limit = self._of_application("seats_limit", "Licensed seats; +Inf when unlimited")
        self._used = self._of_application("seats_used", "Seats given")
        self._waiting = self._of_application("seats_waiting", "Consumers without a seat")
        self._held = self._of_application("releases_held", "Releases that the guard holds back")
        self._expiry = self._of_realm("expiry_timestamp_seconds", "When access ends; +Inf if never")
        self._granted = self._of_realm("access_granted", "Whether the licence gives access")
        self._complete = self._of_realm("sync_complete", "Whether the last sync saw everything")
        self._success = self._of_realm("last_success_timestamp_seconds", "When a sync last saw everything")
        self._syncs = Total(
            "syncs",
            "Syncs by result, and looks that needed none",
            ["realm", "result"],
            PREFIX,
            registry=self.registry,
        )
        self._drift = Total(
            "drift",
            "Users, roles and groups that a full read found otherwise than admin events had told",
            ["realm"],
            PREFIX,
            registry=self.registry,
        )
        self._notices = Total(
            "notices",
            "Attempts to deliver a notice, by what came of them",
            ["realm", "channel", "result"],
            PREFIX,
            registry=self.registry,
        )
        self._requests = Total(
            "keycloak_requests",
            "Requests to Keycloak, those for tokens included",
            ["realm"],
            PREFIX,
            registry=self.registry,
        )
        self._realms = Gauge("realms", "Realms that are this worker's", (), PREFIX, registry=self.registry)
        self._duration = Histogram(
            "sync_duration_seconds", "How long syncs took", ["realm"], PREFIX, registry=self.registry
        )

    def count_sync(self, realm: str, result: str, seconds: float | None) -> None:
        """Count a look and whatever came of it; None for one that led to no sync."""
        self._syncs.labels(realm, result).inc()
        if seconds is not None:
            self._duration.labels(realm).observe(seconds)

    def count_drift(self, realm: str, differences: int | None) -> None:
        """Count what only a full read has found; None where that was not looked at."""
        self._drift.labels(realm).inc(differences or 0)

    def count_notice(self, realm: str, channel: str, result: str) -> None:
        """Count an attempt: ``delivered``, ``put_off``, ``refused`` or ``given_up``."""
        self._notices.labels(realm, channel, result).inc()

    def count_request(self, realm: str) -> None:
        """Count a request to Keycloak that was made for a realm."""
        self._requests.labels(realm).inc()

    def show_success(self, realm: str, now: datetime) -> None:
        """Show that a realm was looked at, and is as it was."""
        self._success.labels(realm).set(now.timestamp())

    def show_realms(self, count: int) -> None:
        """Show how many realms are this worker's."""
        self._realms.set(count)

    def forget(self, realm: str) -> None:
        """Show nothing more of how a realm stands, for another worker does; what was counted stays."""
        for gauge in (self._expiry, self._granted, self._complete, self._success):
            gauge.remove(realm)
        for gauge in (self._limit, self._used, self._waiting, self._held):
            gauge.remove_by_labels({"realm": realm})

    def show_failure(self, realm: str) -> None:
        """Show that a sync ended without a result."""
        self._complete.labels(realm).set(0)

    def show_report(self, report: RealmReport, now: datetime) -> None:
        """Show what a sync found."""
        standing = report.standing
        self._granted.labels(report.realm).set(standing.is_granted)
        self._expiry.labels(report.realm).set(
            standing.stops_at.timestamp() if standing.stops_at else float("inf")
        )
        self._complete.labels(report.realm).set(report.is_complete)
        if report.is_complete:
            self._success.labels(report.realm).set(now.timestamp())
        held = Counter(each.application for each in report.held)
        for usage in report.applications:
            self._show_usage(report.realm, usage, held[usage.id])

    def _show_usage(self, realm: str, usage: ApplicationUsage, held: int) -> None:
        self._limit.labels(realm, usage.id).set(float("inf") if usage.seats is None else usage.seats)
        self._used.labels(realm, usage.id).set(usage.used)
        self._waiting.labels(realm, usage.id).set(usage.waiting)
        self._held.labels(realm, usage.id).set(held)

    def _of_realm(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, ["realm"], PREFIX, registry=self.registry)

    def _of_application(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, ["realm", "application"], PREFIX, registry=self.registry)
