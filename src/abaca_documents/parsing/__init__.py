"""Files to text: the kind by content, the text with its pages and headings, and limits that hold."""

from abaca_documents.parsing.kinds import kind_of
from abaca_documents.parsing.media import PLAIN, Kind
from abaca_documents.parsing.reading import read

__all__ = ["PLAIN", "Kind", "kind_of", "read"]
