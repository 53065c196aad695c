"""Parses documentation pages into headings, links and fenced blocks."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted(ROOT.glob("docs/**/*.md")),
    )
}

_FENCE = re.compile(r"( *)(`{3,}|~{3,}) *([\w-]*)")
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_HEADING = re.compile(r"#{1,6} +(.+?)(?: +#+)?$")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
      page: path relative to the root of the repository.
      line: number of its first line, after the fence.
      language: the word after the fence.
      text: its content, without the fence's indentation.
      not_run: the reason why it is not run, or None.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None


def read(page: str) -> str:
    return PAGES[page].read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found, lines = [], read(page).splitlines()
    number, before = 0, ""
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening:
            indent, fence, language = opening.groups()
            first = number + 1
            number = first
            while lines[number].strip() != fence:
                number += 1
            text = "".join(
                f"{line.removeprefix(indent)}\n" for line in lines[first:number]
            )
            reason = _NOT_RUN.fullmatch(before.strip())
            found.append(
                Block(page, first + 1, language, text, reason and reason.group(1))
            )
        before = lines[number]
        number += 1
    return found


def prose(page: str) -> Iterator[str]:
    """The lines outside fenced blocks."""
    fence = ""
    for line in read(page).splitlines():
        mark = _FENCE.match(line)
        if fence:
            fence = "" if line.strip() == fence else fence
        elif mark:
            fence = mark.group(2)
        else:
            yield line


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, by GitHub's rules."""
    found: list[str] = []
    for line in prose(page):
        heading = _HEADING.match(line)
        if heading:
            found.append(slug(heading.group(1)))
    seen: dict[str, int] = {}
    names = set()
    for name in found:
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.add(f"{name}-{count}" if count else name)
    return names


def slug(heading: str) -> str:
    """A heading's anchor: lower case, no punctuation, spaces as hyphens."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")


def links(page: str) -> list[str]:
    """The targets of a page's links and images, ignoring code."""
    text = re.sub(
        r"(`+)(?!`).+?(?<!`)\1(?!`)", "``", "\n".join(prose(page)), flags=re.S
    )
    return _LINK.findall(text)


def inline_code(page: str) -> list[str]:
    """The text between backticks, outside fenced blocks."""
    code = re.findall(r"`([^`]+)`", "\n".join(prose(page)))
    return [" ".join(text.split()) for text in code]
