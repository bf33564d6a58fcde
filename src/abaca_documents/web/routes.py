"""Every route of documents."""

from abaca_documents.web import about, changing, collections, computing, importing, many, reading, searching, uploading

ENDPOINTS = (
    *uploading.ENDPOINTS,
    *reading.ENDPOINTS,
    *changing.ENDPOINTS,
    *about.ENDPOINTS,
    *many.ENDPOINTS,
    *importing.ENDPOINTS,
    *computing.ENDPOINTS,
    *searching.ENDPOINTS,
    *collections.ENDPOINTS,
)
