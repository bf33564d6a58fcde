"""Every route of documents."""

from abaca_documents.web import changing, reading, uploading

ENDPOINTS = (*uploading.ENDPOINTS, *reading.ENDPOINTS, *changing.ENDPOINTS)
