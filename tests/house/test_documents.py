"""The documents point at things that are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*:")
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(text: str) -> set[str]:
    """The anchors that a Markdown page offers, by the usual rule, with -1, -2 for repeated headings."""
    seen: dict[str, int] = {}
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return found


def broken_links(page: Path) -> list[str]:
    text = CODE.sub("", FENCE.sub("", page.read_text()))
    broken = []
    for link in LINK.findall(text):
        if ADDRESS.match(link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


def test_every_relative_link_leads_somewhere() -> None:
    broken = [f"{page.relative_to(ROOT)}: {link}" for page in pages() for link in broken_links(page)]
    assert not broken


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("# A b\n[x](#a-b) [y](other.md#c) [z](https://example.org/no)", []),
        ("[x](#gone) [y](gone.md)", ["#gone", "gone.md"]),
        ("```\n[x](gone.md)\n```\n`[y](gone.md)`", []),
        ('[x](other.md#gone "title")', ["other.md#gone"]),
    ],
)
def test_the_rule_for_links_finds_what_it_should(tmp_path: Path, text: str, broken: list[str]) -> None:
    (tmp_path / "other.md").write_text("## C\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert broken_links(page) == broken


def test_every_dependency_gives_its_reason() -> None:
    """docs/dependencies.md has a row for each: what it does for us, its licence, what we would do without it."""
    # Given what pyproject.toml asks for, extras included
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = {match[0] for line in [*project["dependencies"], *extras] if (match := NAME.match(line))}
    # When the rows are read
    page = (ROOT / "docs" / "dependencies.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in page.splitlines() if line.startswith("| `")
    ]
    explained = {row[0].strip("`") for row in rows if len(row) == 4 and all(row)}
    # Then each has one, complete, and no row is left of a dependency that is gone
    assert explained == asked


def test_the_lock_names_versions_and_no_addresses() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    pinned = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+(; python_version (<|>=) '3\.\d+')?")
    assert not [line for line in lines if not pinned.fullmatch(line)]
