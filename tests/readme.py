"""The parts of the README and the pages beside it that are made from the code.

In: pages with markers; out: the same with fresh tables between them. `python -m tests.readme` writes
it, `tests/unit/test_readme.py` fails when it would differ.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.metrics_core import Metric
from typer.main import get_command

from keycloak_license import errors
from keycloak_license.cli.main import app
from keycloak_license.keycloak_api.provision import RIGHTS
from keycloak_license.model.attributes import ATTRIBUTES
from keycloak_license.model.license import LicenseState, Reason, Standing
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.settings import setting_rows
from tests.versions.areas import AREAS, VERSIONS
from tests.versions.record import load, rows

README = Path(__file__).parents[1] / "README.md"
PAGES = (README, *sorted((README.parent / "docs").glob("*.md")))
_PART = re.compile(r"(<!-- made from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(text: str) -> str:
    """Return the text with every generated part made anew."""
    return _PART.sub(lambda part: part[1] + "\n".join(PARTS[part[2]]()) + "\n" + part[3], text)


def commands() -> Iterable[str]:
    """Yield the table of commands, from what ``--help`` says."""
    yield from _head("Command", "Does")
    root: Any = get_command(app)
    for name, command in sorted(root.commands.items()):
        for path, leaf in _leaves(name, command):
            yield _row(f"`{path}`", leaf.get_short_help_str(200))


def settings() -> Iterable[str]:
    """Yield the table of settings."""
    yield from _head("Key", "Default", "Value", "For")
    for row in setting_rows():
        yield _row(f"`{row.key}`", f"`{row.default}`", row.type, row.description)


def rights() -> Iterable[str]:
    """Yield the table of the service account's rights."""
    every = sorted(set().union(*RIGHTS.values()))
    yield from _head("Right of `realm-management`", *RIGHTS)
    for right in every:
        yield _row(f"`{right}`", *("yes" if right in granted else "" for granted in RIGHTS.values()))


def attributes() -> Iterable[str]:
    """Yield the table of realm attributes."""
    yield from _head("Attribute", "Value")
    yield from (_row(f"`{each.name}`", each.value) for each in ATTRIBUTES)


def keycloak_versions() -> Iterable[str]:
    """Yield the table of Keycloak's versions, from what `make versions` has kept."""
    heading, *others = rows(load(), VERSIONS, AREAS)
    yield from _head(*heading)
    yield from (_row(*cells) for cells in others)


def metrics() -> Iterable[str]:
    """Yield the table of metrics, from what the management port shows of a realm."""
    yield from _head("Metric", "Kind", "Labels", "Tells")
    for metric in sorted(_shown_metrics(), key=lambda each: each.name):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le")
        yield _row(
            f"`{name}`", metric.type, ", ".join(f"`{label}`" for label in labels), metric.documentation
        )


def _shown_metrics() -> Iterable[Metric]:
    """Return the metrics of a worker that has counted one of everything."""
    metrics_ = Metrics()
    usage = ApplicationUsage("WFM", "WFM", seats=1, used=1, waiting=0)
    report = RealmReport(
        realm="acme",
        installation_id=None,
        standing=Standing(LicenseState.NONE, Reason.NO_LICENSE),
        applications=(usage,),
        synced_at=None,
        is_complete=True,
    )
    metrics_.show_report(report, datetime.fromtimestamp(0, UTC))
    metrics_.count_sync("acme", "done", 1.0)
    metrics_.count_drift("acme", 0)
    metrics_.count_notice("acme", "mail", "delivered")
    metrics_.count_request("acme")
    return metrics_.registry.collect()


def alerts() -> Iterable[str]:
    """Yield the table of alerts, from the rules for Prometheus."""
    yield from _head("Alert", "Severity", "Means")
    rules = yaml.safe_load(
        (README.parent / "config/prometheus/keycloak-license.rules.yml").read_text("utf-8")
    )
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        yield _row(f"`{rule['alert']}`", rule["labels"]["severity"], rule["annotations"]["summary"])


def exit_statuses() -> Iterable[str]:
    """Yield the table of exit statuses with the errors behind them."""
    yield from _head("Status", "When")
    yield _row("0", "Done.")
    yield _row("1", "A fault of ours.")
    found: dict[int, list[str]] = {}
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.KeycloakLicenseError) and _is_family(error):
            found.setdefault(error.exit_status, []).append((error.__doc__ or "").splitlines()[0])
    for status, sentences in sorted(found.items()):
        yield _row(str(status), "<br>".join(sentences))


PARTS: dict[str, Callable[[], Iterable[str]]] = {
    "commands": commands,
    "settings": settings,
    "attributes": attributes,
    "keycloak_versions": keycloak_versions,
    "metrics": metrics,
    "rights": rights,
    "alerts": alerts,
    "exit_statuses": exit_statuses,
}


def _is_family(error: type) -> bool:
    """Whether people tell it from others; its kinds are for the code."""
    return errors.KeycloakLicenseError in error.__bases__


def _leaves(path: str, command: Any) -> Iterable[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, leaf in sorted(inner.items()):
        yield from _leaves(f"{path} {name}", leaf)


def _head(*cells: str) -> Iterable[str]:
    yield _row(*cells)
    yield "|---" * len(cells) + "|"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(render(page.read_text(encoding="utf-8")), encoding="utf-8")
