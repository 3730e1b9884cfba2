"""The configuration: one YAML file, the environment over it, checked as a whole.

In: the path of `--config` and the environment, both handed in; out: frozen `Settings`. Called by
`bootstrap` and `cli`; nothing is read at import.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from keycloak_license.settings.environment import CONFIG_VARIABLE, SHORT_NAMES, lay_over
from keycloak_license.settings.problems import Findings
from keycloak_license.settings.schema import (
    ApplicationSettings,
    GuardSettings,
    KeycloakSettings,
    MailSettings,
    RealmSettings,
    Settings,
    SyncSettings,
    WebSettings,
)
from keycloak_license.settings.shapes import Section, SettingRow, rows_of, shape_of
from keycloak_license.settings.sources import Tree, compose, packaged_applications, read_text, tree_of

__all__ = [
    "DEFAULT_CONFIG",
    "ApplicationSettings",
    "GuardSettings",
    "KeycloakSettings",
    "MailSettings",
    "RealmSettings",
    "SettingRow",
    "Settings",
    "SyncSettings",
    "WebSettings",
    "find_config",
    "load_settings",
    "packaged_applications",
    "setting_rows",
]

DEFAULT_CONFIG = Path("config/keycloak-license.yaml")
SECRET = ("keycloak", "client_secret")


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    needs_client_secret: bool = True,
    realm: str | None = None,
) -> Settings:
    """Read the configuration file (see `find_config`), lay the environment over it and check the whole.

    With `needs_client_secret` false a missing secret is empty and no error: for `init`, which makes it,
    and for commands that need no Keycloak. A `realm` that is named need not be configured either, and then
    has the defaults. Raises `ConfigurationError`, one sentence with all that is wrong.
    """
    root = _root()
    found = Findings(root)
    file = find_config(path, environ)
    folder = file.parent if file else Path()
    tree = _file_tree(file, root, found) if file else {}
    tree.setdefault("applications", packaged_applications())
    lay_over(tree, environ, folder, found)
    if realm is not None:
        tree.setdefault("realms", {}).setdefault(realm, {})
    keycloak = tree.setdefault(SECRET[0], {})
    if not needs_client_secret:
        keycloak.setdefault(SECRET[1], "")
    elif keycloak.get(SECRET[1]) == "":
        found.add(SECRET, f"{found.named(SECRET)} must be text that is not empty")
    title = f"Configuration {file}" if file else f"Configuration (environment only, no {DEFAULT_CONFIG} here)"
    settings = _validated(tree, found, title).anchored(folder)
    _require_bundle(settings, found)
    found.refuse(title)
    return settings


def find_config(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Choose the configuration file: `path`, else ``$KEYCLOAK_LICENSE_CONFIG``, else the default one.

    None when no file is named and the default one is not there. A named file need not exist: reading
    it says so.
    """
    if path is not None:
        return path
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    try:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None
    except OSError:
        return DEFAULT_CONFIG


def setting_rows() -> tuple[SettingRow, ...]:
    """Every setting in the order of the schema, as text for a reference table."""
    short_names = {long: short for short, long in SHORT_NAMES.items()}
    return rows_of(_root(), short_names)


def _root() -> Section:
    shape = shape_of(Settings)
    if not isinstance(shape, Section):
        raise TypeError("the schema is no section")
    return shape


def _file_tree(file: Path, root: Section, found: Findings) -> Tree:
    node = compose(read_text(file, "Configuration file"), f"Configuration file {file}")
    return {} if node is None else tree_of(node, root, found)


def _validated(tree: Tree, found: Findings, title: str) -> Settings:
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as invalid:
        found.add_invalid(invalid)
        found.refuse(title)
        raise
    found.refuse(title)
    return settings


def _require_bundle(settings: Settings, found: Findings) -> None:
    bundle = settings.keycloak.verify_tls
    if isinstance(bundle, Path) and not os.access(bundle, os.R_OK):
        path = ("keycloak", "verify_tls")
        found.add(path, f"{found.named(path)} names a CA bundle that cannot be read, {bundle}")
