"""What a realm tells of one person at the screen, as `services.ports.Directory` wants it.

In: a client with the sidecar's own rights; out: answers of this very moment, for nothing is remembered. Made
by `bootstrap`.
"""

import re
from contextlib import suppress
from itertools import chain, islice
from urllib.parse import quote

from keycloak_license.errors import ConfigurationError, NotThereError
from keycloak_license.keycloak_api import activity, wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.realm import NO_NAMES
from keycloak_license.keycloak_api.screen_client import ScreenClient
from keycloak_license.model.enforcement import MANAGE_LICENSES
from keycloak_license.model.session import LoginClient

MAX_PAGES = 4
"""Of sessions; who logs in to the API from a client with more of them is not looked for any further."""
_USER_ID = re.compile(r"[\w.:@+ -]{1,255}")
"""A UUID, or of a user who is not imported ``f:``, his provider's id, ``:`` and what he has there."""


class KeycloakDirectory:
    """Asks the client's realm."""

    def __init__(self, client: KeycloakClient, client_id: str) -> None:
        """`client_id` is the one that the sidecar logs in as."""
        self._client = client
        self._screen_client = ScreenClient(client, client_id)

    def is_license_manager(self, user_id: str) -> bool:
        """Tell whether a user is there, enabled, and effectively has the role manage-licenses."""
        if user_id in NO_NAMES or not _USER_ID.fullmatch(user_id):
            return False
        path = f"users/{quote(user_id, safe=':')}"
        try:
            if not self._client.get(path, wire.USER).enabled:
                return False
            roles = self._client.get(f"{path}/role-mappings/realm/composite", wire.ROLES)
        except NotThereError:
            return False
        return any(role.name == MANAGE_LICENSES for role in roles)

    def find_session_user(self, client_id: str, sid: str) -> str | None:
        """Return the id of the user who is logged in to a client in one of Keycloak's sessions."""
        for client in self._client.get("clients", wire.CLIENTS, clientId=client_id):
            pages = self._client.pages(f"clients/{client.id}/user-sessions", activity.SESSIONS)
            with suppress(NotThereError):
                for session in chain.from_iterable(islice(pages, MAX_PAGES)):
                    if session.id == sid:
                        return session.user_id
        return None

    def login_client(self) -> LoginClient:
        """Return the screen's client with its secret; `ConfigurationError` when `init` has not made it."""
        found = self._screen_client.find()
        if not found.secret:
            raise ConfigurationError(
                f"Keycloak shows no secret of client {found.client_id}: run keycloak-license init"
            )
        return LoginClient(found.client_id, found.secret)
