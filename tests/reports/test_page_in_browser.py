"""The page in a browser: tooltips, keys, sorting, and accessibility by axe-core.

Needs Debian's chromium, the package playwright, and axe-core, either installed with
``npm install -g axe-core`` or in the folder that ``AXE_CORE`` names.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import page_support as support
import pytest

from gpt_nas_jax.reports.page import comparison, report
from gpt_nas_jax.reports.page.run import read

pytestmark = pytest.mark.long

Opens = Callable[..., Any]
"""Opens a page by its path, with options of Playwright."""


def axe_core() -> Path | None:
    """The script of axe-core, or None."""
    folder = os.environ.get("AXE_CORE")
    if folder is None and shutil.which("npm"):
        command = ["npm", "root", "-g"]
        root = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        folder = str(Path(root) / "axe-core")
    script = Path(folder or "") / "axe.min.js"
    return script if script.exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a run with failures, of a large run, and of their comparison."""
    home, folders = tmp_path_factory.mktemp("pages"), {}
    for name, size, count in (("failures", 10, 35), ("thousand", 50, 1000)):
        settings = support.config(home / name, size, 20)
        records = support.evaluations(size, count, failing=0.2)
        folders[name] = support.search(home / name, settings, records)
    runs = [read(path) for path in folders.values()]
    found = {run.path.name: report.write(run.path, run) for run in runs}
    return found | {"comparison": comparison.write(home, runs)}


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; fails on requests to the network, errors and console messages."""
    # Playwright does not pass on what its handlers raise.
    problems: list[str] = []

    def refuse(route: Any) -> None:
        problems.append(f"the page asks for {route.request.url}")
        route.abort()

    def open(path: Path, **options: Any) -> Any:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.route(lambda url: not url.startswith(("file:", "data:")), refuse)
        page.goto(path.as_uri())
        return page

    yield open
    assert not problems


def test_a_dot_describes_its_candidate(opened: Opens, pages: dict[str, Path]):
    page = opened(pages["failures"])
    failed = read(pages["failures"].parent).failed[0]
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.locator(f"#progress circle[data-n='{failed['number']}']").hover()
    text = tip.inner_text()
    assert f"candidate {failed['number']}, generation 0" in text
    assert f"failed: {failed['reason']}" in text
    assert " ".join(failed["blocks"]) in text
    page.mouse.move(5, 5)
    assert tip.is_hidden()


def test_arrow_keys_go_from_candidate_to_candidate(
    opened: Opens, pages: dict[str, Path]
):
    page = opened(pages["failures"])
    page.locator("#progress").focus()
    for key, number in (("ArrowRight", 0), ("ArrowRight", 1), ("End", 34), ("Home", 0)):
        page.keyboard.press(key)
        assert page.locator("#tip").inner_text().startswith(f"candidate {number},")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_a_heading_sorts_the_table_by_mouse_and_by_key(
    opened: Opens, pages: dict[str, Path]
):
    page = opened(pages["failures"])
    heading = page.get_by_role("columnheader", name="parameters")
    cells = page.locator("table.sortable tbody tr td:nth-child(4)")

    def values() -> list[int]:
        return [int(value) for value in cells.evaluate_all(VALUES)]

    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())


VALUES = "cells => cells.map(cell => cell.dataset.value)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["failures", "thousand", "comparison"])
def test_axe_core_finds_nothing(
    opened: Opens, pages: dict[str, Path], name: str, scheme: str
):
    script = axe_core()
    if script is None:
        pytest.skip("needs axe-core of npm")
    page = opened(pages[name], color_scheme=scheme)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.add_script_tag(path=script)
    violations = page.evaluate("async () => (await axe.run()).violations")
    assert not [
        (found["id"], found["help"], [node["html"] for node in found["nodes"][:3]])
        for found in violations
    ]
