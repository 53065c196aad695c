"""Documentation pages: their links resolve, and the files and flags named exist."""

import re

import pytest
from docs_support import PAGES, ROOT, anchors, inline_code, links, slug

from gpt_nas_jax.config import Config, fields

MOST_LINES = 120
FIELDS = {field.name for field in fields.of(Config())}
SECTIONS = {field.path[0] for field in fields.of(Config()) if len(field.path) > 1}


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not broken, f"{page}: no such file or heading"


def leads_somewhere(page: str, link: str) -> bool:
    """Whether a link is external, or its file and heading exist."""
    if re.match(r"https?://|mailto:", link):
        return True
    name, _, anchor = link.partition("#")
    path = (PAGES[page].parent / name).resolve() if name else PAGES[page]
    if not (path.exists() and path.is_relative_to(ROOT)):
        return False
    target = path.relative_to(ROOT).as_posix()
    return not anchor or (target in PAGES and anchor in anchors(target))


def test_every_page_is_in_the_index():
    index = {
        (ROOT / "docs" / link.partition("#")[0]).resolve()
        for link in links("docs/README.md")
    }
    pages = {path for name, path in PAGES.items() if name.startswith("docs/")}
    assert not pages - index - {ROOT / "docs" / "README.md"}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str):
    named = {
        path
        for code in inline_code(page)
        for path in re.findall(r"(?<![\w/.-])(?:launch|tests|docs)/[\w/.*-]+", code)
    }
    assert not {path for path in named if not any(ROOT.glob(path.rstrip("/")))}


@pytest.mark.parametrize("page", PAGES)
def test_flags_that_are_named_exist(page: str):
    named = {
        flag
        for code in inline_code(page)
        for flag in re.findall(r"(?<!\S)--([a-z]+_[a-z0-9_]*[a-z0-9])\b(?!\*)", code)
        if flag.partition("_")[0] in SECTIONS
    }
    assert not named - FIELDS


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Your own images", "your-own-images"),
        ("What a run leaves", "what-a-run-leaves"),
        ("One device, a mesh and `pmap`", "one-device-a-mesh-and-pmap"),
        ("TPU v5e: block programs", "tpu-v5e-block-programs"),
        ("The [ledger](runs.md) - a file", "the-ledger---a-file"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str):
    assert slug(heading) == anchor
