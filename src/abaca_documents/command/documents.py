"""``abaca documents``, in short ``abaca docs``. What is below it is loaded when it runs."""

from __future__ import annotations

from cyclopts import App

_ABOUT = """Take documents in; list, show, delete, reindex or import them.

`abaca docs` is short for `abaca documents`.
"""
documents = App(name="documents", help=_ABOUT)
for _name, (_where, _about) in {
    "add": ("adding:add", "Take files in, and keep them current with --watch."),
    "list": ("listing:list_documents", "List documents, with what became of them."),
    "show": ("listing:show", "Show a document, its revisions and its text."),
    "rm": ("removing:rm", "Delete documents, softly or for good."),
    "reindex": ("changing:reindex", "Take documents in anew, or build a collection's next index."),
    "import": ("changing:import_documents", "Import a folder, an archive or JSONL by one job."),
    "model": ("model:model", "Fetch models, and build what parsers run with."),
    "collections": (
        "collections:collections",
        "Show collections of documents; make, measure, delete, export or import one.",
    ),
}.items():
    documents.command(f"abaca_documents.command.{_where}", name=_name, help=_about)
