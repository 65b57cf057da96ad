"""The dashboard in `ops/grafana` fits Grafana's own schema: nothing in it is misspelt, or of another type."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

DASHBOARD = json.loads((Path(__file__).parents[2] / "ops" / "grafana" / "presetwatch.json").read_text())
plugins.register_default_plugins()


def as_grafana_has_it(dashboard: Any) -> Any:
    """Return a dashboard read into Grafana's types and written again: what they do not know is gone."""
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Yield where something is not kept as it was given."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from lost(value, kept.get(key), f"{path}/{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, pair in enumerate(zip(given, kept, strict=True)):
            yield from lost(*pair, f"{path}/{number}")
    elif given != kept:
        yield path


def test_the_dashboard_holds_nothing_that_grafana_does_not_know() -> None:
    assert list(lost(DASHBOARD, as_grafana_has_it(DASHBOARD))) == []


@pytest.mark.parametrize("place", ["", "panels/2", "panels/2/targets/0", "panels/2/fieldConfig/defaults"])
def test_a_misspelt_key_is_found(place: str) -> None:
    broken = deepcopy(DASHBOARD)
    spot: Any = broken
    for key in filter(None, place.split("/")):
        spot = spot[int(key) if key.isdigit() else key]
    spot["titel"] = "oops"
    assert list(lost(broken, as_grafana_has_it(broken))) == [f"{'/' * bool(place)}{place}/titel"]


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
