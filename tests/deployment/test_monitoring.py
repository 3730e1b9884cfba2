"""Alert rules and dashboard: valid by their own programs, and made of metrics that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from keycloak_license.monitoring.metrics import PREFIX, Metrics
from tests.deployment.tools import CONFIG, check, load_yaml

RULES = CONFIG / "prometheus" / "keycloak-license.rules.yml"
RULE_TESTS = Path(__file__).parent / "alerts.test.yml"
DASHBOARD = CONFIG / "grafana" / "keycloak-license.json"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
METRIC = re.compile(rf"\b{PREFIX}_\w+")


def metric_names() -> set[str]:
    """The names under which Prometheus finds what a worker shows."""
    families = list(Metrics().registry.collect())
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


def rules() -> list[Any]:
    return [rule for group in load_yaml(RULES)["groups"] for rule in group["rules"]]


@pytest.fixture
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    """What fills the variables."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def test_prometheus_takes_the_rules() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in check("promtool", "check", "rules", RULES)


def test_the_alerts_do_what_they_are_for() -> None:
    assert "SUCCESS" in check("promtool", "test", "rules", RULE_TESTS)


def test_every_alert_is_tried() -> None:
    tried = RULE_TESTS.read_text(encoding="utf-8")
    assert [rule["alert"] for rule in rules() if rule["alert"] not in tried] == []


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_alerts_and_dashboard_use_metrics_that_there_are(dashboard: dict[str, Any]) -> None:
    asked = [rule["expr"] for rule in rules()] + [*expressions(dashboard), *queries(dashboard)]
    used = [set(METRIC.findall(each)) for each in asked]
    assert all(used), "each asks for something of ours"
    assert set().union(*used) <= metric_names()


def test_the_dashboard_shows_every_metric(dashboard: dict[str, Any]) -> None:
    shown = set(METRIC.findall(" ".join(expressions(dashboard))))
    hidden = {name for name in metric_names() if name.endswith(("_count", "_sum"))}
    assert metric_names() - hidden - shown == {f"{PREFIX}_sync_complete"}


def test_grafana_knows_every_word_of_the_dashboard(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    understood = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    assert understood == dashboard


def test_prometheus_takes_what_the_dashboard_asks(dashboard: dict[str, Any], tmp_path: Path) -> None:
    asked = [each.replace("$__rate_interval", "5m") for each in expressions(dashboard)]
    recorded = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}), encoding="utf-8")
    assert f"{len(asked)} rules found" in check("promtool", "check", "rules", file)


def test_the_dashboard_has_one_of_each_and_names_no_data_source_of_ours(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert [each["name"] for each in dashboard["templating"]["list"]] == [
        "datasource",
        "realm",
        "application",
    ]
    sources = {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"}
    assert sources == {"${datasource}"}


def test_no_panel_lies_on_another(dashboard: dict[str, Any]) -> None:
    taken = [cell for panel in dashboard["panels"] for cell in _cells(panel["gridPos"])]
    assert len(taken) == len(set(taken))


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y
