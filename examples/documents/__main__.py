"""``python -m examples.documents``: a worker takes files in, tells how far it is, and a search finds them."""

from __future__ import annotations

import asyncio

from abaca import App
from abaca_documents.library import Library
from abaca_documents.plugin import PLUGIN

FILES = {
    "garden.md": "# The garden\n\nRoses want sun and much water. Cut them back in spring.\n",
    "harbour.md": "# The harbour\n\nShips that arrive by night wait for the pilot.\n",
    "kitchen.md": "# The kitchen\n\nBread rises twice, and is baked for forty minutes.\n",
    "broken.pdf": "%PDF-1.7\nnothing of a pdf follows",
}
app = App(plugins=[PLUGIN])


async def main() -> None:
    library = Library.of(app)
    async with app:
        async with app.worker(queues=PLUGIN.queues, concurrency=2):
            await take_in(library)
            await ask(library, "when do I prune my flowers?")
            await edit(library)
        print("the worker has ended")


async def take_in(library: Library) -> None:
    added = [await library.add(text.encode(), filename=name, collection="house") for name, text in FILES.items()]
    for each in added:
        if each.job is None:
            print(f"{each.document.filename}: is there already")
            continue
        result = await each.job.result(timeout=120)
        print(f"{result.filename}: {result.status}, {result.chunk_count} chunks {result.error}".rstrip())
    stats = await library.documents.stats()
    ended = sum(each.job is not None for each in added)
    print(f"{ended} jobs ended, {stats.total} documents, {stats.success_rate or 0:.0%} of them completed")


async def ask(library: Library, question: str) -> None:
    best = (await library.search(question, collection="house")).results[0]
    print(f"{question} {best.filename}, chunk {best.chunk_index}: {best.text.splitlines()[-1]}")


async def edit(library: Library) -> None:
    text = FILES["garden.md"] + "\n## Lawns\n\nMow on Saturdays.\n"
    again = await library.add(text.encode(), filename="garden.md", collection="house")
    if again.job is not None:
        await again.job.result(timeout=120)
    document = await library.documents.get(again.document.id)
    print(f"garden.md is at revision {document.revision}; the one before is found no more")


if __name__ == "__main__":
    asyncio.run(main())
