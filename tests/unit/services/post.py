"""A world in which somebody hears: a realm, who manages its licences, and a letterbox."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.enforcement import MANAGE_LICENSES
from keycloak_license.model.notice import Channel, Delivery, Notice
from keycloak_license.services.delivery import Attempt, Post, deliver
from tests.fake_outbox import Letterbox
from tests.unit.services.world import NOON, PRAGUE, World

MAIL = NoticeTerms(expiry_days=(30,), usage_percents=(90,), has_mail=True, zone=PRAGUE)


@dataclass
class Scene:
    """Eva has the role manage-licenses and an address."""

    terms: NoticeTerms = MAIL
    world: World = field(default_factory=World)
    letterbox: Letterbox = field(default_factory=Letterbox)
    hook: Letterbox = field(default_factory=Letterbox)

    def __post_init__(self) -> None:
        self.world.notice_terms = self.terms
        # Later than anything that tests play.
        self.world.ledger.outbox.clock = lambda: datetime(9000, 1, 1, tzinfo=UTC)
        self.role = self.world.realm.create_role(MANAGE_LICENSES)
        self.eva = self.appoint("eva", "eva@example.org")

    def appoint(self, name: str, email: str | None) -> str:
        user = self.world.realm.create_user(name, email=email)
        self.world.realm.grant(user, self.role)
        return user

    def deliver(self, now: datetime = NOON, *, is_eager: bool = False) -> list[Attempt]:
        carriers = {Channel.MAIL: self.letterbox, Channel.WEBHOOK: self.hook}
        post = Post(self.world.ledger.outbox, carriers, ["acme"])
        return list(deliver(post, lambda: now, is_eager=is_eager))

    def sync(self, now: datetime = NOON) -> list[Notice]:
        """Sync, and return what arrives of it."""
        self.world.sync(now)
        return [each.notice for each in self.collect(now)]

    def collect(self, now: datetime = NOON) -> list[Delivery]:
        """Return what arrives by mail."""
        self.letterbox.received.clear()
        self.deliver(now)
        return list(self.letterbox.received)


def kinds(notices: list[Notice]) -> list[str]:
    return [notice.kind for notice in notices]
