"""Documents as a plugin of Abaca. Light to import: what it is made of is named by reference."""

from abaca import Plugin, PluginCommand
from abaca_documents.settings import SETTINGS

PLUGIN = Plugin(
    name="documents",
    tasks="abaca_documents.library:Library",
    queues=("documents",),
    extra="documents",
    needs=("sqlite_vec", "semantic_text_splitter", "tokenizers", "onnxruntime", "pypdfium2"),
    router="abaca_documents.web.routes:ENDPOINTS",
    pages="abaca_documents.web.pages:PAGES",
    title="Documents",
    icon="documents",
    commands=(
        PluginCommand(
            "documents",
            "abaca_documents.command.documents:documents",
            "Take documents in; list, show, delete, reindex or import them.",
            aliases=("docs",),
        ),
        PluginCommand("search", "abaca_documents.command.searching:search", "Search documents by meaning and words."),
        PluginCommand(
            "collections",
            "abaca_documents.command.collections:collections",
            "Show collections of documents; make, measure, delete, export or import one.",
        ),
    ),
    settings=SETTINGS,
)
