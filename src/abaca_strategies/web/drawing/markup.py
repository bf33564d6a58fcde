"""Elements of HTML and SVG. What is not ``Html`` already is text, and escaped; the whole is well-formed XML as well."""

from __future__ import annotations

import re
from html import escape

_VOID = frozenset(("br", "hr", "img", "input", "meta", "link", "line", "rect", "path", "circle", "polyline"))
_NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

Child = object


class Html(str):
    """Markup. Templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> Html:
        return self


def text(words: object) -> Html:
    """Words of anybody's, escaped. What no document may hold, or what turns the direction of the words around, is
    shown as a mark."""
    return Html(escape(_BIDI.sub("\ufffd", _NOT_TEXT.sub("\ufffd", str(words))), quote=True))


def el(tag: str, *children: Child, **attributes: object) -> Html:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; an attribute of None or False is left
    out, one of True has its own name as its value."""
    words = [tag]
    for given, value in attributes.items():
        if value is None or value is False:
            continue
        name = given.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an attribute")
        words.append(f'{name}="{text(name if value is True else value)}"')
    opened = " ".join(words)
    if tag in _VOID and not children:
        return Html(f"<{opened}/>")
    return Html(f"<{opened}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Html:
    return Html("".join(each if isinstance(each, Html) else text(each) for each in children if each is not None))


def svg(width: float, height: float, label: str, *children: Child, class_: str = "drawn") -> Html:
    """A picture with the words that stand for it."""
    inside = joined(el("title", label), *children)
    box = f"0 0 {width:g} {height:g}"
    return el("svg", inside, viewBox=box, role="img", aria_label=label, class_=class_, focusable="false")
