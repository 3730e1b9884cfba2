"""Commands played on a small installation in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer
from typer.testing import CliRunner, Result

from keycloak_license.cli import duplicates, idle, members, what_if
from keycloak_license.cli.invocation import Invocation
from keycloak_license.services.observation import ManagedRealm
from tests.unit.services.world import World


@dataclass(frozen=True)
class Staged(Invocation):
    """An invocation that works on a world whatever is configured."""

    world: World = field(default_factory=World)

    @contextmanager
    def realm(self, name: str | None, *, needs_client_secret: bool = True) -> Iterator[ManagedRealm]:
        yield self.world.managed


def call(world: World, *words: str) -> Result:
    """Call a command; an error of ours is the result's exception."""
    app = typer.Typer()
    for module in (duplicates, idle, members, what_if):
        module.register(app)
    return CliRunner().invoke(app, list(words), obj=Staged(None, {}, world))
