"""A labelled set that a package carries: ``python -m benchmarks.documents_public`` fetches it into the cache.

The package cherche (MIT) has what Semanlink, a public collection of bookmarks, knows of 314 papers: a person has tagged
each of them. Its authors evaluate searches with it: the title of a paper is the query, the 433 tags are the texts, and
the paper's tags are the answers, four on the average. Nothing of the package is installed; pip checks its digest, and
two files are taken out of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.labelled import Labelled, Query

PINNED = "cherche==2.2.1 --hash=sha256:7984a88f0bf9349cd08907baefc2527deaacea95d3acf5f4a1692896c507fe34"
INSIDE = "cherche-2.2.1/cherche/data/semanlink/"
PAPERS, TAGS = "arxiv.json", "tags.json"
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "abaca" / "labelled" / "semanlink"
_SECONDS = 300


def is_here() -> bool:
    return all((FOLDER / name).exists() for name in (PAPERS, TAGS))


def public() -> Labelled:
    """Raises ``FileNotFoundError`` where it was not fetched."""
    papers, tags = (json.loads((FOLDER / name).read_text()) for name in (PAPERS, TAGS))
    asked = [Query(each["arxiv_title"], frozenset(each["tag"])) for each in papers]
    used = dict.fromkeys(name for each in papers for name in each["tag"])
    return Labelled("public", {name: _text(tags[name]) for name in used}, asked)


def _text(tag: dict[str, Any]) -> str:
    """Its names, those of what it belongs to, and what was noted about it."""
    names = (each for field in ("prefLabel", "altLabel", "broader_prefLabel") for each in tag[field])
    return "\n\n".join(filter(None, (", ".join(names), tag["comment"])))


def fetch() -> None:
    """Raises ``subprocess.SubprocessError`` where pip cannot bring it."""
    with tempfile.TemporaryDirectory() as work:
        wanted = Path(work) / "wanted.txt"
        wanted.write_text(f"{PINNED}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--no-binary=cherche", "--dest", work, "--requirement", str(wanted)]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=_SECONDS)
        (archive,) = Path(work).glob("cherche-*.tar.gz")
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as packed:
            for name in (PAPERS, TAGS):
                source = packed.extractfile(INSIDE + name)
                assert source is not None
                partial = FOLDER / f".{name}.{os.getpid()}"
                partial.write_bytes(source.read())
                partial.replace(FOLDER / name)


def main() -> int:
    if is_here():
        return 0
    print(f"Fetching a labelled set out of the package cherche into {FOLDER}", file=sys.stderr)
    try:
        fetch()
    except subprocess.SubprocessError as error:
        print(f"the labelled set is not to be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
