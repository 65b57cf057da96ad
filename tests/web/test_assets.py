"""The dashboard's files: they load nothing from elsewhere, run nothing that is shown, and are small."""

import re
from pathlib import Path

import pytest

from stream.web.assets import CHART_FILES, HEADERS, STATIC, TYPES, chart_folder, find_asset

OWN = sorted(STATIC.iterdir())
PAGES = [each for each in OWN if each.suffix == ".html"]
SCRIPTS = [each for each in OWN if each.suffix == ".js"]


def test_the_dashboards_own_files_are_small() -> None:
    assert sum(each.stat().st_size for each in OWN) < 300_000


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_nothing_is_loaded_from_another_site(file: Path) -> None:
    text = file.read_text("utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\"' )]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_holds_no_script_or_style_of_its_own(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_script_makes_markup_or_code_of_text(script: Path) -> None:
    text = script.read_text("utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text) == []
    )


def test_the_policy_lets_only_own_files_run() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_every_asset_that_a_page_names_is_there() -> None:
    named = {name for page in PAGES for name in re.findall(r"/assets/([\w.-]+)", page.read_text("utf-8"))}
    named |= {name for script in SCRIPTS for name in re.findall(r'from "\./([\w.-]+)"', script.read_text("utf-8"))}
    for name in named:
        found = find_asset(name)
        assert found is not None, name
        assert found.suffix in TYPES


@pytest.mark.parametrize("name", ["", ".", "..", "../views.py", "/etc/passwd", "nothing.js", "__init__.py"])
def test_nothing_else_is_served(name: str) -> None:
    assert find_asset(name) is None


def test_the_package_carries_the_chart_library_that_the_page_is_written_for() -> None:
    for name in CHART_FILES.values():
        assert (chart_folder() / name).is_file()
    assert "uPlot (v1.6." in (chart_folder() / CHART_FILES["uplot.js"]).read_text("utf-8")[:100]
