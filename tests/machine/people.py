"""Rules: people come, go and change, and so do roles and groups."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.machine.base import Base, Tally, change, numbers
from tests.machine.site import Site

LEAVES = ("WFM_AGENT", "WFM_LEAD", "QM_AGENT", "desk/agent")
"""Roles that count."""
BOXES = ("TEAM", "BOSS", "default")
"""Roles that may contain others."""
GROUPS = ("/A", "/A/B", "/A/B/C", "/D")

leaves = st.sampled_from(LEAVES)
roles = st.sampled_from((*LEAVES, "TEAM", "BOSS"))
groups = st.sampled_from(GROUPS)
ways = st.sampled_from(
    ["role", "role", "role", "group", "nested group", "composite", "client role", "both", "none"]
)
EXEMPT = ("eleveo.admin", "eleveotrain", "person-2")


class People(Base):
    """A realm with roles of every kind and a tree of groups."""

    most_people = 40
    providers: tuple[str | None, ...] = (None, None, "ldap", "ad")

    def __init__(self, site: Site, tally: Tally) -> None:
        super().__init__(site, tally)
        self.created = 0
        side = site.side
        self.roles = {name: side.create_role(name) for name in (*LEAVES[:3], "TEAM", "BOSS")}
        self.roles["desk/agent"] = side.create_role("agent", "desk")
        self.roles["default"] = side.default_role
        self.groups: dict[str, str] = {}
        for path in GROUPS:
            self._create_group(path)
        side.grant_group(self.groups["/A"], self.roles["WFM_AGENT"])
        side.add_to_composite(self.roles["TEAM"], self.roles["WFM_LEAD"])
        side.add_to_composite(self.roles["BOSS"], self.roles["TEAM"])

    def _create_group(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        self.groups[path] = self.site.side.create_group(name, self.groups[above] if above else None)

    # What others use as well.

    def hire(self, count: int, way: str, provider: str | None = None) -> None:
        """Create people who consume in a certain way, or not at all."""
        side = self.site.side
        for _ in range(min(count, self.most_people - len(self.people))):
            self.created += 1
            user = side.create_user(f"person-{self.created}", provider=provider)
            self.people.append(user)
            match way:
                case "role":
                    side.grant(user, self.roles["WFM_AGENT"])
                case "group":
                    side.join(user, self.groups["/A"])
                case "nested group":
                    side.join(user, self.groups["/A/B/C"])
                case "composite":
                    side.grant(user, self.roles["BOSS"])
                case "client role":
                    side.grant(user, self.roles["desk/agent"])
                case "both":
                    side.grant(user, self.roles["WFM_LEAD"])
                    side.grant(user, self.roles["QM_AGENT"])

    def strip(self, user: str) -> None:
        """Take every role and group away."""
        for name, role in self.roles.items():
            if name != "default":
                self.site.side.revoke(user, role)
        for group in self.groups.values():
            self.site.side.leave(user, group)

    def delete(self, user: str) -> None:
        self.site.side.delete_user(user)
        self.site.side.hidden.discard(user)
        self.people.remove(user)

    # Rules.

    @change(count=st.sampled_from([1, 1, 1, 2, 3, 8]), way=ways, data=st.data())
    def people_join(self, count: int, way: str, data: st.DataObject) -> None:
        self.hire(count, way, data.draw(st.sampled_from(self.providers)))

    @precondition(lambda self: self.people)
    @change(number=numbers, role=roles)
    def somebody_gets_a_role(self, number: int, role: str) -> None:
        self.site.side.grant(self.person(number), self.roles[role])

    @precondition(lambda self: self.people)
    @change(number=numbers, role=roles)
    def somebody_loses_a_role(self, number: int, role: str) -> None:
        self.site.side.revoke(self.person(number), self.roles[role])

    @precondition(lambda self: self.people)
    @change(number=numbers, group=groups)
    def somebody_enters_a_group(self, number: int, group: str) -> None:
        self.site.side.join(self.person(number), self.groups[group])

    @precondition(lambda self: self.people)
    @change(number=numbers, group=groups)
    def somebody_quits_a_group(self, number: int, group: str) -> None:
        self.site.side.leave(self.person(number), self.groups[group])

    @precondition(lambda self: self.people)
    @change(number=numbers)
    def somebody_leaves(self, number: int) -> None:
        self.strip(self.person(number))

    @precondition(lambda self: self.people)
    @change(number=numbers)
    def somebody_is_disabled(self, number: int) -> None:
        self.site.side.set_enabled(self.person(number), enabled=False)

    @precondition(lambda self: self.people)
    @change(number=numbers)
    def somebody_is_enabled(self, number: int) -> None:
        self.site.side.set_enabled(self.person(number), enabled=True)

    @precondition(lambda self: self.people)
    @change(number=numbers)
    def somebody_is_deleted(self, number: int) -> None:
        self.delete(self.person(number))

    @precondition(lambda self: self.people)
    @change(number=numbers, exempt=st.sampled_from([None, None, *EXEMPT]))
    def somebody_is_renamed(self, number: int, exempt: str | None) -> None:
        self.created += 1
        username = exempt or f"person-{self.created}"
        taken = {account.username for account in self.site.side.accounts().values()}
        if username not in taken:
            self.site.side.rename(self.person(number), username)

    @precondition(lambda self: self.people)
    @change(
        number=numbers, count=st.integers(4, 20), how=st.sampled_from(["stripped", "deleted", "disabled"])
    )
    def many_go(self, number: int, count: int, how: str) -> None:
        for user in self.some_people(number, count):
            match how:
                case "stripped":
                    self.strip(user)
                case "deleted":
                    self.delete(user)
                case _:
                    self.site.side.set_enabled(user, enabled=False)

    @precondition(lambda self: self.people)
    @change()
    def everybody_is_enabled(self) -> None:
        for user in self.people:
            self.site.side.set_enabled(user, enabled=True)

    @change(group=groups, role=roles)
    def a_group_gets_a_role(self, group: str, role: str) -> None:
        self.site.side.grant_group(self.groups[group], self.roles[role])

    @change(group=groups, role=roles)
    def a_group_loses_a_role(self, group: str, role: str) -> None:
        self.site.side.revoke_group(self.groups[group], self.roles[role])

    @change(box=st.sampled_from(BOXES), role=roles)
    def a_composite_gets_a_role(self, box: str, role: str) -> None:
        if box != role:
            self.site.side.add_to_composite(self.roles[box], self.roles[role])

    @change(box=st.sampled_from(BOXES), role=roles)
    def a_composite_loses_a_role(self, box: str, role: str) -> None:
        self.site.side.remove_from_composite(self.roles[box], self.roles[role])

    @change(group=groups)
    def a_group_is_made_anew(self, group: str) -> None:
        self.site.side.unreadable.discard(self.groups[group])
        self.site.side.delete_group(self.groups[group])
        for path in GROUPS:
            if path == group or path.startswith(f"{group}/"):
                self._create_group(path)

    @change(role=st.sampled_from(["WFM_LEAD", "QM_AGENT", "TEAM"]))
    def a_role_is_made_anew(self, role: str) -> None:
        self.site.side.unreadable.discard(self.roles[role])
        self.site.side.delete_role(self.roles[role])
        self.roles[role] = self.site.side.create_role(role)

    @change(role=leaves)
    def a_service_account_gets_a_role(self, role: str) -> None:
        self.created += 1
        account = self.site.side.create_service_account(f"client-{self.created}")
        self.site.side.grant(account, self.roles[role])
