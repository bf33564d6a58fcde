"""Ids that tests can name by a number."""

_EPOCH_MS = 1_893_456_000_000


def job_id(number: int) -> str:
    """A UUIDv7 of partition 0; a higher number makes a later id."""
    return f"{_EPOCH_MS:012x}7000{0x8000 + (number >> 40):04x}{number & 0xFFFFFFFFFF:010x}00"
