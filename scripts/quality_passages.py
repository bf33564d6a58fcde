"""Writes the passages of the search quality set from docs/: one section a line, with its page and heading as id.

Run once; the set is kept as it was, so that figures of different times can be compared.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from abaca_documents.parsing import read

ROOT = Path(__file__).parents[1]
LEAST = 150  # characters; below that a section only names what stands under it
# Pages that say everything once more: tables of tests, of failures and of rulings.
LEFT_OUT = {
    *("dependencies", "design", "failure-modes", "guarantees", "peers-complaints", "performance", "protocol"),
    *("reliability-report", "state-machine", "what-happens-when"),
}


def main() -> None:
    encode = msgspec.json.encode
    with (ROOT / "benchmarks" / "quality" / "passages.jsonl").open("wb") as out:
        for page in sorted((ROOT / "docs").glob("*.md")):
            if page.stem in LEFT_OUT:
                continue
            parsed = read(page.read_bytes(), page.name)
            ends = [heading.start_char for heading in parsed.headings[1:]] + [len(parsed.text)]
            for heading, end in zip(parsed.headings, ends, strict=True):
                text = parsed.text[heading.start_char : end].strip()
                if len(text) >= LEAST:
                    out.write(encode({"id": f"{page.stem}#{heading.text}", "text": text}) + b"\n")
    sys.stderr.write("written\n")


if __name__ == "__main__":
    main()
