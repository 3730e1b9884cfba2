"""On which versions of Keycloak what is tried.

Called by `record` and `running`. The tests of an area are all of its modules that need a real Keycloak.
"""

from collections.abc import Mapping
from typing import Final

VERSIONS: Final = ("26.0.8", "26.2.5", "26.4.7", "26.7.3")
"""Oldest first; `demo.distribution` knows their checksums."""

WITHOUT_SIMULATOR: Final = ("-k", "not simulated")
"""The words that leave pytest the tests on a real Keycloak, where a contract is held on both."""

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "Reading users, groups and roles": (
        "tests/contract/test_reading.py",
        "tests/contract/test_rereading.py",
        "tests/contract/test_structure.py",
        "tests/contract/test_finding_users.py",
        "tests/contract/test_realm_gone.py",
    ),
    "Counting as Keycloak itself does": ("tests/e2e/test_oracle.py",),
    "Following admin events": ("tests/e2e/test_following.py", "tests/e2e/test_admin_events.py"),
    "Last logins": ("tests/contract/test_logins.py",),
    "Users from LDAP": ("tests/e2e/test_federation.py",),
    "Realm attributes": ("tests/contract/test_attributes.py",),
    "Rights, `init` and its removal": ("tests/e2e/test_init.py",),
    "Seats and waiting": ("tests/e2e/test_seats.py",),
    "Mode `gate`": (
        "tests/contract/test_gate.py",
        "tests/contract/test_clients.py",
        "tests/e2e/test_gate_logins.py",
        "tests/e2e/test_gate_flows.py",
        "tests/e2e/test_gate_broker.py",
        "tests/e2e/test_gate_side_doors.py",
        "tests/e2e/test_gate_doctor.py",
        "tests/e2e/test_gate_master.py",
    ),
    "Mode `disable`": (
        "tests/contract/test_enforcement.py",
        "tests/e2e/test_disable.py",
        "tests/e2e/test_disable_federated.py",
    ),
    "Login at the screen": ("tests/contract/test_directory.py", "tests/e2e/test_screen_client.py"),
    "Tokens at the API": ("tests/e2e/test_api.py",),
}
