"""Changes some settings of a client and no others.

In: a client of ours, Keycloak's id of one of the realm, and what is to be otherwise; out: it is so. Called by
`enforcement`, `flows`, `provision` and `recording`.
"""

from collections.abc import Mapping

from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient


def change_client(client: KeycloakClient, uuid: str, changes: Mapping[str, object]) -> None:
    """Change settings of a client; also raises `NotThereError` when it is gone.

    Keycloak leaves alone what a PUT does not name, but for three things. It takes away, with all that hangs
    on them, authorization services and their resources, and in old versions the service account and its
    roles; and it fills web origins that were empty (measured on 26.7.3 and 26.0.8; keycloak#32530 and
    #29878). So they are sent as they are.
    """
    path = f"clients/{uuid}"
    kept = client.get(path, wire.FRAGILE_SETTINGS).model_dump(by_alias=True, exclude_none=True)
    client.put(path, {**kept, **changes})
