"""What several measurements need: a configuration, and a watch."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from keycloak_license.settings import Settings, load_settings

CLIENT_SECRET = "bench"
CREATION_SECONDS = 900
"""How long 100 000 users may take to be made; no measured request comes near it."""


class UnexpectedResultError(RuntimeError):
    """What was measured is not what should have been."""


def write_settings(folder: Path, url: str, realm: str) -> Settings:
    """Write a configuration and read it back."""
    config = config_in(folder)
    tree = {
        "keycloak": {"url": url, "client_secret": CLIENT_SECRET, "timeout_seconds": CREATION_SECONDS},
        "realms": {realm: {}},
        "applications": {"WFM": {"roles": ["WFM_*"]}},
    }
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return load_settings(config, {})


def config_in(folder: Path) -> Path:
    """Return where the configuration is."""
    return folder / "keycloak-license.yaml"


def timed(act: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def alternated(rounds: int, *acts: Callable[[], object]) -> list[float]:
    """Return the median of how many seconds each takes, done in turns, so that none has the warmer server."""
    times = [[timed(act) for act in acts] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]
