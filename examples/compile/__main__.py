"""``python -m examples.compile``: sources as jobs, one of which does not compile, and the same one again."""

from __future__ import annotations

import asyncio

from abaca import App
from abaca_compile.model import Built, Submission
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import submit

SOURCES = {
    "good": "int main(void) { return 0; }\n",
    "bad": "int main(void) {\n    return nothing;\n}\n",
}
app = App(plugins=[PLUGIN])


async def main() -> None:
    compiler = Compiler.of(app)
    async with app, app.worker(queues=PLUGIN.queues):
        await compiler.ready()  # the worker looks which compilers there are
        for name, source in SOURCES.items():
            job = await submit(compiler, Submission(source_code=source, language="c"))
            print(f"{name}: {verdict(await job.result(timeout=60))}")
        again = await submit(compiler, Submission(source_code=SOURCES["bad"], language="c"))
        cached = (await again.result(timeout=60)).result.cache
        print(f"the bad one again, from the cache: {cached is not None and cached.hit}")


def verdict(built: Built) -> str:
    if built.result.compiled:
        return "it compiles"
    first = built.result.diagnostics[0]
    return f"line {first.line}, column {first.column}: {first.severity}: {first.message}"


if __name__ == "__main__":
    asyncio.run(main())
