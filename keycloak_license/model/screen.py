"""Where the screen is found, by browsers and by Keycloak, and the client by which people log in to it.

Comes from `settings`; read by `keycloak_api.screen_client`, which tells Keycloak, and by `web`.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


def screen_client_id(client_id: str) -> str:
    """Return the client by which people log in; it is called after the one that the sidecar logs in as."""
    return f"{client_id}-screen"


@dataclass(frozen=True, slots=True)
class ScreenAddress:
    """The address of the screen, without a slash at its end."""

    public_url: str
    """As browsers see it."""
    backchannel_url: str
    """As Keycloak sees it."""

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers name where a request comes from."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def home(self) -> str:
        """Where a browser is sent after a logout."""
        return f"{self.public_url}/"

    def callback(self, realm: str) -> str:
        """Where Keycloak sends a browser that has logged in."""
        return f"{self.public_url}/realms/{quote(realm, safe='')}/callback"

    def backchannel_logout(self, realm: str) -> str:
        """Where Keycloak posts that a session of its own has ended."""
        return f"{self.backchannel_url}/realms/{quote(realm, safe='')}/backchannel-logout"
