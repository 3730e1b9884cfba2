"""What the management port says, asked from outside the worker.

In: where the port listens; out: its answer, or an error when the worker is not well. Called by `cli.health`.
"""

from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from keycloak_license.errors import UnhealthyError

TIMEOUT_SECONDS = 10


def ask_health(host: str, port: int, path: str, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """Return the answer, one line; directly, whatever proxy the environment names.

    Raises `UnhealthyError` when nothing answers in time, or anything but 200.
    """
    host = _reachable(host)
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
    connection = HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read(200).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnhealthyError(
            f"No worker answers at {where} ({reason}): start keycloak-license run, with the same web.host "
            "and web.management_port"
        ) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise UnhealthyError(f"The worker is not well: {where} says {answer.status}, {said or answer.reason}")
    return said


def _reachable(host: str) -> str:
    """Return loopback for an address that means all of this machine's."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return host
