"""Places for payloads that are too large for a record: a folder, or storage that speaks S3."""

from abaca.places.base import Blob, Page, Place
from abaca.places.blobs import DEFAULT_ABOVE, Blobs
from abaca.places.urls import IN_THE_RECORD, open_place, place_url

__all__ = ["DEFAULT_ABOVE", "IN_THE_RECORD", "Blob", "Blobs", "Page", "Place", "open_place", "place_url"]
