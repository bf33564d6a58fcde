"""A matrix under fire: what is submitted, and what must come out whatever happens meanwhile."""

from __future__ import annotations

from collections import Counter

import msgspec

from abaca import App, JobHandle, Status
from abaca_compile.model import Compilation, SourceFile, Submission
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import By, plan, submit_matrix
from abaca_compile.service.tables import Table
from tests.compile_service.machine import BAD, GOOD
from tests.worker.harness import until

YARD = "tests.compile_service.yard:app"


async def submitted(compiler: Compiler, count: int) -> JobHandle[Table]:
    """So many different sources; every third does not compile."""
    (one,) = await plan(compiler, Submission(source_code=GOOD, language="c"))
    return await submit_matrix(
        compiler, Submission(source_code=GOOD), [_numbered(one, number) for number in range(count)], By()
    )


async def ended(app: App, table: JobHandle[Table], count: int, patience: float) -> None:
    """Until so many of the members have ended."""
    ids = list((await table.info()).spec.parents)

    async def enough() -> bool:
        jobs = await (await app.backend()).get(ids)
        return sum(job is not None and job.state.ended for job in jobs) >= count

    await until(enough, f"{count} compilations have ended", patience)


async def check(app: App, table: JobHandle[Table], count: int, patience: float) -> None:
    """Every verdict arrived, is the right one, and arrived once."""
    rows = (await table.result(timeout=patience)).rows
    assert [row.compiled for row in rows] == [bool(number % 3) for number in range(count)]
    ids = list((await table.info()).spec.parents)
    jobs = await (await app.backend()).get(ids)
    assert Counter(job.status for job in jobs if job is not None) == {Status.COMPLETED: count}
    totals = (await app.stats()).totals
    assert totals["completed"] == count + 1


def _numbered(one: Compilation, number: int) -> Compilation:
    text = (GOOD if number % 3 else BAD) + f"int number = {number};\n"
    return msgspec.structs.replace(one, files=(SourceFile(name=one.entry, content=text.encode()),))
