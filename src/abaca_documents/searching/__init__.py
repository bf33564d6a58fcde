"""Search by meaning, by word, or both, over what readers may see."""

from abaca_documents.searching.cache import SearchCache
from abaca_documents.searching.searcher import Searcher

__all__ = ["SearchCache", "Searcher"]
