"""Every route of documents."""

from abaca_documents.web import changing, collections, reading, searching, uploading

ENDPOINTS = (
    *uploading.ENDPOINTS,
    *reading.ENDPOINTS,
    *changing.ENDPOINTS,
    *searching.ENDPOINTS,
    *collections.ENDPOINTS,
)
