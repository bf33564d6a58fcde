"""Pages of the dashboard as a visitor without scripts has them: links, forms, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from tests.http.harness import Api

VOID = {"input", "link", "meta", "img", "br", "path", "use", "rect", "circle"}


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds. ``tags`` are all elements with their attributes."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.answer = answer
        self.html = answer.text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._inside_form = False
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
            self._inside_form = True
        elif tag == "input" and self._inside_form and given.get("type") == "hidden":
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside_form = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Attributes of the elements of a tag that have these; ``data_row`` is ``data-row``."""
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        return [
            given
            for found, given in self.tags
            if found == tag and all(given.get(name) == value for name, value in names.items())
        ]

    @property
    def rows(self) -> list[str]:
        return [given["data-row"] for tag, given in self.tags if tag == "tr" and "data-row" in given]

    def link(self, rel: str) -> str | None:
        return next((given["href"] for given in self.all("a", rel=rel)), None)

    def form(self, end: str) -> Form:
        """The form whose action ends like this."""
        return next(form for form in self.forms if form.action.partition("?")[0].endswith(end))


async def visit(api: Api, path: str, status: int = 200) -> Page:
    """A page below ``/ui``; redirects are followed."""
    answer = await api.client.get(path if path.startswith("/ui") else f"/ui{path}", follow_redirects=True)
    assert answer.status_code == status, answer.text[:2000]
    return Page(answer)


async def press(api: Api, page: Page, end: str, fields: Mapping[str, str] | None = None, *, status: int = 200) -> Page:
    """Send one of the page's forms, and follow where it leads."""
    form = page.form(end)
    answer = await api.client.post(form.action, data={**form.fields, **(fields or {})}, follow_redirects=True)
    assert answer.status_code == status, answer.text[:2000]
    return Page(answer)
