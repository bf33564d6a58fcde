"""How an embedder of a service is named. Light to import: the settings read it."""

from __future__ import annotations

from abaca_documents.errors import ValidationError

HTTP = "http:"
MOST_NUMBERS = 16_384


def served(name: str) -> tuple[str, int]:
    """Model and dimension of ``http:MODEL/N``. Raises ``ValidationError``."""
    model, _, numbers = name.removeprefix(HTTP).rpartition("/")
    if not model or not (numbers.isascii() and numbers.isdigit()) or not 1 <= int(numbers) <= MOST_NUMBERS:
        raise ValidationError(
            "embedder", f"{name!r} does not read {HTTP}MODEL/N, where N is how many numbers its vectors have"
        )
    return model, int(numbers)
