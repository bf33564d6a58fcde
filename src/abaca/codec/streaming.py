"""Reading a stored payload piece by piece, in bounded memory."""

from __future__ import annotations

import binascii

import zstandard

from abaca.codec.payload import DamagedPayload, is_packed

_SLICE = 1024
"""A slice of a frame becomes at most 32 MB, whatever its sender meant."""
_QUOTE = b'"'


class Unpacking:
    """Stored bytes to their JSON text. ``length`` is how many bytes it must become."""

    def __init__(self, length: int) -> None:
        self._left = length
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """The text that these bytes add. The first piece is at least four bytes long. Raises ``DamagedPayload``."""
        if not self._begun:
            self._begun = True
            if is_packed(data):
                self._frame = zstandard.ZstdDecompressor().decompressobj()
        if self._frame is None:
            return self._counted(data)
        return b"".join(self._slice(self._frame, data[at : at + _SLICE]) for at in range(0, len(data), _SLICE))

    def _slice(self, frame: zstandard.ZstdDecompressionObj, data: bytes) -> bytes:
        try:
            return self._counted(frame.decompress(data))
        except zstandard.ZstdError as error:
            raise DamagedPayload(f"a compressed payload cannot be read: {error}") from error

    def _counted(self, text: bytes) -> bytes:
        self._left -= len(text)
        if self._left < 0:
            raise DamagedPayload("it is longer than it says")
        return text

    def end(self) -> None:
        """Raises ``DamagedPayload`` when text is missing."""
        if self._left:
            raise DamagedPayload(f"its last {self._left:,} bytes are missing")


class Bytes:
    """The JSON text of a ``bytes`` value, a string of Base64, to those bytes."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = False
        self._padded = False

    def feed(self, text: bytes) -> bytes:
        """Raises ``DamagedPayload`` where the text is no such string."""
        text = self._held + text
        if not self._begun and text:
            if text[:1] != _QUOTE:
                raise DamagedPayload("its value is not bytes")
            self._begun = True
            text = text[1:]
        usable = max(0, len(text) - 1) // 4 * 4  # the last byte may be the closing quote
        self._held = text[usable:]
        return self._decoded(text[:usable])

    def end(self) -> bytes:
        if self._held[-1:] != _QUOTE:
            raise DamagedPayload("its value is not bytes")
        return self._decoded(self._held[:-1])

    def _decoded(self, text: bytes) -> bytes:
        if not text:
            return b""
        if self._padded:
            raise DamagedPayload("its value is not bytes")
        self._padded = text.endswith(b"=")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise DamagedPayload(f"its value is not bytes: {error}") from error
