"""Whether what is read back is what was given: JSON and the declared type may drop or change a part without a word.

Where no type is declared a value arrives as JSON has it: a tuple as a list, a date as its text. That is no loss.
"""

from __future__ import annotations

from datetime import datetime, time
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from abaca.codec.payload import to_plain

_FAITHFUL = {str, bool, int, bytes, type(None)}
_SHOWN = 40


def may_lose(hint: Any) -> bool:
    """Whether a value that the declared type accepts can come back as another. The plain types need no second look."""
    if hint in _FAITHFUL:
        return False
    origin = get_origin(hint)
    if origin in (list, Union, UnionType):
        return any(may_lose(part) for part in get_args(hint))
    return True


def loss(given: object, back: object) -> str | None:
    """What ``given`` loses by becoming ``back``, in words; ``None`` when nothing is lost."""
    try:
        if given == back:
            return None
    except Exception:  # a type that cannot be compared; its JSON can
        pass
    return _difference(_plain(given), _plain(back), "")


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(datetime, time), enc_hook=to_plain)


def _difference(given: Any, back: Any, where: str) -> str | None:
    match given:
        case dict() if isinstance(back, dict):
            return _lost_in_dict(given, back, where)
        case list() | tuple() if isinstance(back, list | tuple):
            return _lost_in_list(given, back, where)
        case datetime() | time():
            offset = given.utcoffset()
            if offset is not None and offset.total_seconds() % 60:
                return f"{_at(where)}the time zone offset {offset} has seconds, which JSON's times do not carry"
            return None if isinstance(back, str) or given == back else _changed(given, back, where)
        case _:
            return None if given == back else _changed(given, back, where)


def _lost_in_dict(given: dict[Any, Any], back: dict[Any, Any], where: str) -> str | None:
    seen = set()
    for key, value in given.items():
        name = key if key in back else str(key)
        if name not in back:
            return f"{_at(where)}{_show(key)} would be dropped or become another key"
        if name in seen:
            return f"{_at(where)}two keys have the same text {_show(name)}"
        seen.add(name)
        fault = _difference(value, back[name], f"{where}.{name}")
        if fault is not None:
            return fault
    return None


def _lost_in_list(given: Any, back: Any, where: str) -> str | None:
    if len(given) != len(back):
        return f"{_at(where)}{len(given)} items would become {len(back)}"
    for number, (one, other) in enumerate(zip(given, back, strict=True)):
        fault = _difference(one, other, f"{where}[{number}]")
        if fault is not None:  # a set has no order: the same items elsewhere are the same set
            return None if sorted(map(repr, given)) == sorted(map(repr, back)) else fault
    return None


def _changed(given: object, back: object, where: str) -> str:
    return f"{_at(where)}{_show(given)} would become {_show(back)}"


def _at(where: str) -> str:
    return f"at {where.lstrip('.')[:80]}: " if where else ""


def _show(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
