"""Prometheus rules and the Grafana dashboard against the metrics that the daemon really has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.deploy.artefacts import DEPLOY, ROOT

from inspectd.metrics import Metrics
from inspectd.settings import DashboardSettings
from inspectd.stack.triton import USUAL_PORTS

RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
SCRAPES = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
BOARD = json.loads((DEPLOY / "grafana" / "inspectd.json").read_text())
#: Labels that Prometheus adds itself.
ADDED = {"instance", "job", "le"}


def metrics() -> dict[str, set[str]]:
    """The name of every series, without its labels' values, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(Metrics()).values():
        for family in metric.describe() if hasattr(metric, "describe") else ():
            labels = set(metric._labelnames)
            endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}[family.type]
            found |= {family.name + ending: labels for ending in endings}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


EXPRESSIONS = list(expressions())
IDS = [f"{number}-{name}" for number, (name, _) in enumerate(EXPRESSIONS)]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\binspectd_[a-z_]+\b", expression))


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=IDS)
def test_an_expression_reads_series_that_exist(name: str, expression: str) -> None:
    unknown = names_in(expression) - set(metrics())
    assert not unknown, f"{name} reads {', '.join(unknown)}; there is {', '.join(sorted(metrics()))}"


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=IDS)
def test_an_expression_uses_labels_and_values_that_exist(name: str, expression: str) -> None:
    code = "".join(path.read_text() for path in (ROOT / "daemon" / "inspectd").rglob("*.py"))
    for series, selector in re.findall(r"\b(inspectd_[a-z_]+)\{([^}]*)\}", expression):
        for label, _, value in re.findall(r'(\w+)\s*(=~|=|!=)\s*"([^"]*)"', selector):
            assert label in metrics()[series] | ADDED, f"{series} has no label {label}"
            if "$" not in value:
                assert all(f'"{word}"' in code for word in value.split("|")), f"nothing counts {label}={value}"
    grouped = {word.strip() for part in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for word in part.split(",")}
    known = set().union(*(metrics()[series] for series in names_in(expression))) | ADDED
    assert grouped <= known, f"{name} groups by {', '.join(grouped - known)}"


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(names_in(target["expr"]) for panel in BOARD["panels"] for target in panel["targets"]))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics()}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_scrapes_go_where_the_metrics_are_served() -> None:
    jobs = {job["job_name"]: job for job in SCRAPES["scrape_configs"]}
    assert jobs["inspectd"]["static_configs"][0]["targets"] == [f"127.0.0.1:{DashboardSettings().port}"]
    assert jobs["triton"]["static_configs"][0]["targets"] == [f"127.0.0.1:{USUAL_PORTS['triton_metrics']}"]
    assert all((DEPLOY / "prometheus" / file).is_file() for file in SCRAPES["rule_files"])
