"""Rules: time passes, clocks are wrong, and everything outside fails or lies in turn."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.machine.base import change, numbers
from tests.machine.people import GROUPS, LEAVES, People
from tests.machine.verdict import is_ours

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPANS = (
    *3 * (timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=11)),
    *2 * (HOUR, 6 * HOUR, 13 * HOUR, 25 * HOUR),
    3 * DAY,
    12 * DAY,
    40 * DAY,
    200 * DAY,
)
SKEWS = (
    *3 * (timedelta(),),
    timedelta(seconds=50),
    -timedelta(seconds=50),
    HOUR,
    -HOUR,
    -DAY,
    DAY,
    40 * DAY,
    -40 * DAY,
)
SCRIBBLES = (
    ("license.state", "OK"),
    ("license.access", "granted"),
    ("license.WFM.used", "999"),
    ("license.WFM.queue", "user-1,user-2"),
    ("license.QM.seats", "unlimited"),
    ("license.GONE.seats", "7"),
    ("license.stops_at", "never"),
    ("license.file", "scribbled over"),
    ("license.standby_files", "scribbled over\nand over"),
)
FOREIGN = ("colour", "license.note", "license.expiry_notice_days", "license.WFM.comment")

spans = st.sampled_from(SPANS)


class Troubles(People):
    """Everything that goes wrong and is mended outside."""

    federations: tuple[str, ...] = ("ldap", "ad")

    def pass_time(self, span: timedelta) -> None:
        self.site.time.pass_by(span)

    @change(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self.pass_time(span)

    @change(skew=st.sampled_from(SKEWS), is_told=st.booleans())
    def clocks_are_set(self, skew: timedelta, is_told: bool) -> None:
        self.site.time.skew, self.site.time.is_told = skew, is_told

    @precondition(lambda self: self.federations)
    @change(number=numbers, how=st.sampled_from(["silent", "disabled", "back", "back"]))
    def a_federation_comes_or_goes(self, number: int, how: str) -> None:
        provider = self.federations[number % len(self.federations)]
        side = self.site.side
        side.silent_providers.discard(provider)
        side.disabled_providers.discard(provider)
        if how == "silent":
            side.silent_providers.add(provider)
        elif how == "disabled":
            side.disabled_providers.add(provider)

    @change(what=st.sampled_from((*LEAVES, *GROUPS)), is_readable=st.booleans())
    def a_list_fails_or_is_read_again(self, what: str, is_readable: bool) -> None:
        found = self.groups.get(what) or self.roles[what]
        if is_readable:
            self.site.side.unreadable.discard(found)
        else:
            self.site.side.unreadable.add(found)

    @change(attempts=st.integers(1, 3))
    def keycloak_goes_down(self, attempts: int) -> None:
        self.site.side.is_unreachable, self.outage = True, attempts

    @change(attempts=st.integers(1, 3))
    def the_right_to_write_is_taken_away(self, attempts: int) -> None:
        self.site.side.is_read_only, self.outage = True, attempts

    @precondition(lambda self: self.people)
    @change(number=numbers, count=st.sampled_from([1, 2, 5, 12, 40]))
    def lists_leave_people_out(self, number: int, count: int) -> None:
        self.site.side.hidden |= set(self.some_people(number, count))

    @change()
    def lists_are_right_again(self) -> None:
        self.site.side.hidden.clear()

    @precondition(lambda self: self.people)
    @change(number=numbers, count=st.sampled_from([0, 1, 8]))
    def people_cannot_be_read_by_themselves(self, number: int, count: int) -> None:
        self.site.side.doubtful = set(self.some_people(number, count))

    @precondition(lambda self: self.site.is_simulated)
    @change(realm_id=st.sampled_from(["realm-acme", "realm-acme", "made anew"]))
    def the_realm_is_made_anew(self, realm_id: str) -> None:
        self.site.side.realm_id = realm_id

    @change()
    def everything_is_mended(self) -> None:
        self.mend()
        self.site.time.skew, self.site.time.is_told = timedelta(), True

    def mend(self) -> None:
        side = self.site.side
        for each in (
            side.silent_providers,
            side.disabled_providers,
            side.unreadable,
            side.hidden,
            side.doubtful,
        ):
            each.clear()
        side.is_unreachable = side.is_read_only = False

    @change(name=st.sampled_from(FOREIGN), value=st.sampled_from(["30", "5", "1,7,30", "no number"]))
    def others_set_their_attributes(self, name: str, value: str) -> None:
        self.site.side.set_attributes({name: value})
        self.law.foreign[name] = value

    @change(name=st.sampled_from(FOREIGN))
    def others_remove_their_attributes(self, name: str) -> None:
        self.site.side.remove_attributes([name])
        self.law.foreign.pop(name, None)

    @change(scribble=st.sampled_from(SCRIBBLES))
    def others_scribble_over_ours(self, scribble: tuple[str, str]) -> None:
        self.site.side.set_attributes(dict([scribble]))

    @change(numbers=st.none() | st.sets(numbers, min_size=1, max_size=5))
    def others_remove_ours(self, numbers: set[int] | None) -> None:
        ours = sorted(name for name in self.site.side.attributes if is_ours(name))
        if ours:
            gone = ours if numbers is None else {ours[number % len(ours)] for number in numbers}
            self.site.side.remove_attributes(gone)

    @change(installation_id=st.sampled_from([None, None, "another installation"]))
    def the_installation_is_disputed_or_settled(self, installation_id: str | None) -> None:
        if installation_id is None:
            self.site.side.remove_attributes(["license.installation_id"])
        else:
            self.site.side.set_attributes({"license.installation_id": installation_id})
