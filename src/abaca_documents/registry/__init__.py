"""The registry: which documents and collections there are, and which generation of each is seen."""

from abaca_documents.registry.byfile import FileRegistry
from abaca_documents.registry.byrecords import RecordRegistry

__all__ = ["FileRegistry", "RecordRegistry"]
