"""A vendor and his licences by the command alone, and two places on earth where it is not the same day.

`Desk` is the vendor, who knows nothing but files and activation keys; `activate` is what both sides do
until a licence counts; `around_midnight` makes a day pass without a clock being touched.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.cli import Outcome, Site, call, day


@dataclass(frozen=True)
class Desk:
    """A vendor with a key of his own."""

    folder: Path
    kid: str = "v1"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.kid}.private.pem"

    def open_for(self, *sites: Site) -> "Desk":
        """Make the key, where there is none yet, and hand out its public half."""
        if not self.key.exists():
            call("vendor", "keygen", "--out", self.folder, "--kid", self.kid).done()
        for site in sites:
            shutil.copy(self.folder / f"{self.kid}.public.pem", site.keys)
        return self

    def issue(self, number: str, *seats: str, **options: Any) -> Path:
        """A licence file: commercial, for a year, where not told otherwise; options as `vendor issue`."""
        told: dict[str, Any] = {"type": "commercial", "customer": "Acme", "expires": day(365), **options}
        words = [word for name, value in told.items() for word in (f"--{name.replace('_', '-')}", value)]
        file = self.folder / f"{number} issue {options.get('issue_number', 1)} by {self.kid}.lic"
        words += ["--number", number, "--seats", *(seats or ["WFM=2"]), "--out", file]
        call("vendor", "issue", "--key", self.key, *map(str, words)).done()
        return file

    def activate(self, file: Path, activation_key: str) -> Path:
        """The activated licence file, beside the one that was first issued."""
        activated = file.with_name(f"{file.stem}, activated.lic")
        self.try_to_activate(file, activation_key, activated).done()
        return activated

    def try_to_activate(self, file: Path, activation_key: str, out: Path | None = None) -> Outcome:
        """`vendor activate` as it ends."""
        words = ("--key", self.key, "--license", file, "--activation-key", activation_key)
        return call("vendor", "activate", *words, "--out", out or file.with_name("not made.lic"))


def activation_key(site: Site) -> str:
    """What the customer copies into a mail."""
    return site.call("activation-key").done().stdout.strip()


def activate(site: Site, desk: Desk, file: Path) -> Path:
    """Import a licence, have it activated, import that; return the activated file."""
    site.call("import", file, "--replace").done()
    activated = desk.activate(file, activation_key(site))
    site.call("import", activated, "--replace").done()
    return activated


@dataclass(frozen=True)
class Midnight:
    """Two time zones: in the `east` the day after `today` has begun, in the `west` it has not."""

    west: str
    east: str
    today: date

    def plus(self, days: int) -> str:
        return (self.today + timedelta(days=days)).isoformat()

    def of(self, days: int, zone: str) -> str:
        """The instant at which a day begins, as attributes and JSON show it."""
        start = datetime.combine(self.today + timedelta(days=days), datetime.min.time(), ZoneInfo(zone))
        return start.isoformat()


def around_midnight() -> Midnight:
    """A realm that moves from the west to the east has a day more; in both, midnight is an hour away.

    The names of these zones have their signs turned round: the first is twelve hours behind UTC.
    """
    now = datetime.now(UTC)
    zones = {
        9: ("Etc/GMT+11", "Etc/GMT-13"),
        10: ("Etc/GMT+10", "Etc/GMT-14"),
        11: ("Etc/GMT+10", "Etc/GMT-14"),
    }
    west, east = zones.get(now.hour, ("Etc/GMT+12", "Etc/GMT-14"))
    return Midnight(west, east, now.astimezone(ZoneInfo(west)).date())


def move(site: Site, zone: str) -> None:
    """Let the days of licences begin when they begin there, and sync."""
    site.configure(realms={site.realm.name: {"time_zone": zone}})
    site.call("sync").done()


def listed(site: Site) -> list[tuple[str, int, str, bool, str]]:
    """Number, issue, state, whether it is in force and the reason of every licence ever imported."""
    document = site.call("licenses", "--json").document
    return [
        (each["number"], each["issue"], each["state"], each["in_force"], each["reason"])
        for each in document["licenses"]
    ]


def seated(site: Site, application: str = "WFM") -> set[str]:
    """Who holds a seat."""
    return {name for name, state, _ in site.members(application) if state == "seated"}
