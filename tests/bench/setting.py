"""What both measurements need: a configuration, and a watch."""

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from keycloak_license.settings import Settings, load_settings

CLIENT_SECRET = "bench"


def write_settings(folder: Path, url: str, realm: str) -> Settings:
    """Write a configuration and read it back."""
    config = folder / "keycloak-license.yaml"
    tree = {
        "keycloak": {"url": url, "client_secret": CLIENT_SECRET},
        "realms": {realm: {}},
        "applications": {"WFM": {"roles": ["WFM_*"]}},
    }
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return load_settings(config, {})


def timed(act: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
