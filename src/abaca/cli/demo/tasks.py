"""The demo's application: one task for each file, one that gathers what they found."""

from __future__ import annotations

from pathlib import Path

from abaca import App, Ctx
from abaca.cli.demo.analysis import Findings, analyse
from abaca.model import Value

TOP = 10
REPORT_EVERY = 50
MAX_IDS_BYTES = 8_000_000

app = App(name="abaca-demo")


class Ranked(Value, frozen=True, kw_only=True):
    """A function among the most complex ones."""

    path: str
    line: int
    name: str
    complexity: int


class Summary(Value, frozen=True, kw_only=True):
    """What all files together come to. ``files`` counts distinct paths, ``results`` the stored results read."""

    results: int
    files: int
    not_python: int
    lines: int
    functions: int
    classes: int
    imports: int
    most_complex: tuple[Ranked, ...]


class FileReport(Value, frozen=True, kw_only=True):
    path: str
    findings: Findings


@app.task(name="demo.inspect", pool="thread")
def inspect_file(root: str, path: str) -> FileReport:
    """Analyse one file. That it is no Python is a finding; that it cannot be read is a failure, and tried again.

    Parsing keeps a core busy. The demo runs one worker process for each core, so threads are enough: with
    ``pool="process"`` the same files took as long, and each job crossed one more pipe.
    """
    return FileReport(path=path, findings=analyse(Path(root, path).read_bytes()))


@app.task(name="demo.gather", max_payload=MAX_IDS_BYTES)
async def gather(ctx: Ctx, ids: list[str]) -> Summary:
    """Read every file's result from the store and add them up."""
    reports: list[FileReport] = []
    for done, id in enumerate(ids, 1):
        outcome = await inspect_file.job(id).peek()
        if outcome is not None and outcome.value is not None:
            reports.append(outcome.value)
        if done % REPORT_EVERY == 0 or done == len(ids):
            ctx.progress(done, len(ids), stage="gather")
    return summarise(reports)


def summarise(reports: list[FileReport]) -> Summary:
    findings = [report.findings for report in reports]
    ranked = [
        Ranked(path=report.path, line=most.line, name=most.name, complexity=most.complexity)
        for report in reports
        if (most := report.findings.most_complex) is not None
    ]
    ranked.sort(key=lambda function: (-function.complexity, function.path))
    return Summary(
        results=len(reports),
        files=len({report.path for report in reports}),
        not_python=sum(found.problem is not None for found in findings),
        lines=sum(found.lines for found in findings),
        functions=sum(found.functions for found in findings),
        classes=sum(found.classes for found in findings),
        imports=sum(found.imports for found in findings),
        most_complex=tuple(ranked[:TOP]),
    )
