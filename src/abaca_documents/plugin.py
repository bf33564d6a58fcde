"""Documents as a plugin of Abaca. Light to import: what it is made of is named by reference."""

from abaca import Plugin
from abaca_documents.settings import SETTINGS

PLUGIN = Plugin(
    name="documents",
    tasks="abaca_documents.library:Library",
    queues=("documents",),
    extra="documents",
    needs=("sqlite_vec", "semantic_text_splitter", "tokenizers", "onnxruntime", "pypdfium2"),
    router="abaca_documents.web.routes:ENDPOINTS",
    settings=SETTINGS,
)
