"""A candidate as the result that a client sees."""

from __future__ import annotations

from abaca_documents.model import Document, Highlight, SearchRequest, SearchResult
from abaca_documents.searching.ranking import Candidate
from abaca_documents.vectors.words import marked


def shown(candidate: Candidate, request: SearchRequest, document: Document | None, parent: str) -> SearchResult:
    chunk, where = candidate.chunk, candidate.chunk.where
    marks = marked(chunk.text, request.query) if request.highlight and request.include_content else ()
    return SearchResult(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        collection=chunk.collection,
        chunk_index=chunk.index,
        text=chunk.text if request.include_content else "",
        parent_text=parent,
        score=round(candidate.score, 6),
        distance=None if candidate.distance is None else round(candidate.distance, 6),
        metadata=chunk.metadata,
        start_char=where.start_char,
        end_char=where.end_char,
        page=where.page,
        heading_path=where.heading_path,
        filename=document.filename if document is not None else "",
        title=(document.title if document is not None else "") or where.title,
        highlights=tuple(Highlight(start=start, end=end) for start, end in marks),
        score_breakdown=candidate.breakdown(),
    )
