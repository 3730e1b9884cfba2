"""Serves the screen in a thread of its own.

In: settings, a ledger and metrics; out: a server, as long as a block lasts. Called by `cli`.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from threading import Thread
from urllib.parse import quote

import structlog
import uvicorn

from keycloak_license.bootstrap import never, open_directory, open_realm, tls_check
from keycloak_license.errors import ConfigurationError
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.model.progress import Progress, no_progress
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.viewing import Viewer
from keycloak_license.settings import Settings
from keycloak_license.web.app import create_app
from keycloak_license.web.jobs import Job
from keycloak_license.web.oidc import Provider
from keycloak_license.web.site import Desk, Site

log = structlog.get_logger()

STOP_SECONDS = 5.0
"""With those of the worker, below the ten seconds after which container runtimes kill."""
KEEP_ALIVE_SECONDS = 30
PATIENCE_SECONDS = 10
"""How long somebody at a browser waits for Keycloak to say who he is; syncs have more time."""


def uncounted(_realm: str) -> None:
    """Count nothing."""


@contextmanager
def serve_screen(host: str, port: int, site: Site, trusted_proxies: Sequence[str]) -> Iterator[int]:
    """Serve the screen until the block ends; yield the port. Port 0 means any that is free.

    Raises `ConfigurationError` when the address cannot be listened on.
    """
    try:
        listening = _listen(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen on {host}:{port} ({error.strerror}), so there is no screen: set web.host "
            "and web.port to an address that is free here"
        ) from error
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(site),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(trusted_proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(STOP_SECONDS),
        )
    )
    thread = Thread(target=server.run, args=([listening],), name="screen", daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """Listen on an address; on all of them, of either kind, where it is ``::``."""
    if host == "::" and socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=128)


@contextmanager
def screen_port(
    settings: Settings,
    ledger: SqlLedger,
    count_request: Callable[[str], None] = uncounted,
    should_stop: Callable[[], bool] = never,
) -> Iterator[None]:
    """Serve the screen of a worker, where it is enabled; a port that is taken is no reason not to sync."""
    web = settings.web
    with ExitStack() as stack:
        if web.enabled:
            try:
                site = open_site(settings, ledger, count_request, should_stop)
                served = serve_screen(web.host, web.port, site, web.trusted_proxies)
                log.info("screen_open", port=stack.enter_context(served), address=web.address.public_url)
            except ConfigurationError as error:
                log.error("screen_unavailable", error=str(error))  # noqa: TRY400 - the sentence is enough
        yield


def open_site(
    settings: Settings,
    ledger: SqlLedger,
    count_request: Callable[[str], None] = uncounted,
    should_stop: Callable[[], bool] = never,
) -> Site:
    """Return the screen of all configured realms; nothing is asked of Keycloak yet.

    `count_request` is called with the realm for every request to Keycloak; `should_stop` ends syncs that were
    asked for here between two writes.
    """
    web = settings.web
    short = settings.with_timeout(PATIENCE_SECONDS)

    def open_desk(name: str) -> Desk:
        count = partial(count_request, name)

        def open_one(progress: Progress) -> ManagedRealm:
            return open_realm(
                settings, name, ledger=ledger, progress=progress, should_stop=should_stop, on_request=count
            )

        return Desk(
            name=name,
            open_realm=open_one,
            viewer=Viewer(open_one(no_progress)),
            directory=open_directory(short, name, count),
            provider=_open_provider(short, name),
            job=Job(),
        )

    return Site(
        address=web.address,
        desks={name: open_desk(name) for name in settings.realms},
        sessions=ledger.sessions,
        audit=ledger.audit,
        idle=timedelta(minutes=web.idle_minutes),
        lasting=timedelta(hours=web.session_hours),
    )


def _open_provider(settings: Settings, name: str) -> Provider:
    return Provider(
        settings.keycloak.url,
        quote(name, safe=""),
        verify_tls=tls_check(settings),
        timeout_seconds=settings.keycloak.timeout_seconds,
    )
