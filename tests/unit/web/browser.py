"""A browser at the screen of a `Booth`: it keeps cookies, and logs in step by step."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from keycloak_license.model.session import ScreenSession
from tests.unit.web.booth import HOME, SESSION, Answer, Booth

SECRET_PAGES = (HOME, f"{HOME}/applications/WFM", f"{HOME}/applications/WFM/members.csv", f"{HOME}/sync")


@dataclass
class Browser:
    """A browser that logs in, step by step."""

    booth: Booth
    cookies: dict[str, str] = field(default_factory=dict)
    raw_cookies: list[str] = field(default_factory=list)

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: dict[str, str] | None = None) -> Answer:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = self.booth.send(method, path, body=body, headers=sent)
        for text in answer.headers.get_all("Set-Cookie") or []:
            self.raw_cookies.append(text)
            for name, morsel in SimpleCookie(text).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer

    def leave(self, realm: str = "acme", **query: str) -> dict[str, str]:
        """Go to Keycloak; return what it is asked, of which it signs the nonce."""
        more = "&".join(f"{name}={value}" for name, value in query.items())
        asked = parse_qs(urlsplit(self.get(f"/realms/{realm}/login?{more}").location).query)
        return {name: values[0] for name, values in asked.items()}

    def come_back(
        self, asked: dict[str, str], who: str = "marta", realm: str = "acme", **claims: Any
    ) -> Answer:
        """Come back as somebody who has logged in there."""
        fake = self.booth.provider
        told = {"nonce": asked["nonce"], "sub": f"user-{who}", "preferred_username": who}
        fake.id_token = fake.sign(fake.id_claims(**told | claims))
        return self.get(f"/realms/{realm}/callback?code=good&state={asked['state']}")

    def log_in(self, who: str = "marta") -> Answer:
        return self.come_back(self.leave(), who)

    @property
    def session(self) -> str:
        return self.cookies.get(SESSION, "")


def is_in(booth: Booth, token: str, path: str = HOME) -> bool:
    """Whether a cookie opens a page; what is closed leads to the login."""
    answer = booth.send("GET", path, token)
    assert answer.status in {200, 303}
    assert (answer.status == 303) == ("/login?" in answer.location)
    return answer.status == 200


def sessions(booth: Booth) -> list[ScreenSession]:
    return list(booth.world.ledger.sessions._sessions.values())
