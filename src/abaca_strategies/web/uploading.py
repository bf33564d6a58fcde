"""``POST /datasets``: market data as a form with a file, or as a file alone. It goes to the disk as it comes."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from abaca.http import (
    ANY_SIZE,
    FORM_DATA,
    Answer,
    ApiError,
    ApiRequest,
    Code,
    Scope,
    file_form,
    invalid,
    media_type,
)
from abaca_strategies.registry import Checked, DataSetView
from abaca_strategies.registry.facts import read_facts
from abaca_strategies.settings import value
from abaca_strategies.web.bodies import converted
from abaca_strategies.web.datasets import taken
from abaca_strategies.web.declaring import (
    CONFLICT,
    DATA_REFUSED,
    INVALID,
    TOO_LARGE,
    UNSUPPORTED,
    route,
    strategies_of,
)

Form = Literal["csv", "jsonl", "parquet"]
_TYPES: dict[str, Form | None] = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "application/octet-stream": None,
}
_SUFFIXES: dict[str, Form] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """``name``: by default the file's. ``form``: by default what the Content-Type or the file's name says. ``adjust``:
    prices are scaled to an adjusted close where there is one. ``origin``: where the data come from, for people.
    ``facts``: what is known of the tickers, as text that is JSON by ticker, such as ``{"AAPL": {"sector":
    "technology"}}``, or CSV with a column ``ticker``; at most 64 KiB.
    ``dry_run``: check the data and keep nothing. ``replace``: other data under this name give way, which needs the
    scope ``admin``."""

    name: str = ""
    form: Form | None = None
    adjust: bool = True
    origin: Annotated[str, Meta(max_length=500)] = ""
    facts: str = ""
    dry_run: bool = False
    replace: bool = False


class DataForm(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form with a file; the other fields may stand in the query as well."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})] = ""


@route(
    "POST",
    "/datasets",
    status=201,
    max_body=ANY_SIZE,
    takes={FORM_DATA: DataForm, **dict.fromkeys(_TYPES, str)},
    errors=(CONFLICT, TOO_LARGE, UNSUPPORTED, DATA_REFUSED, INVALID),
)
async def post_dataset(request: ApiRequest, query: Wishes) -> Answer[DataSetView] | Answer[Checked]:
    """Upload market data: CSV, JSON lines or Parquet, as a form with a file or as the body itself.

    A row is a bar of a ticker. Data that are not sound are refused with every kind of fault by ticker; gaps are notes.
    The same data under the same name are the same. With ``dry_run`` the answer is 200 and says what would be found.
    """
    largest = value(request.app, "strategies.max_data")
    with tempfile.TemporaryDirectory(prefix="abaca-upload-") as folder:
        if media_type(request) == FORM_DATA:
            async with file_form(request, Path(folder), largest) as form:
                return await request.once(
                    form.asked, lambda: _of_form(request, query, form.fields, form.path, form.filename)
                )
        kind = _kind(request)
        path, digest = await _written(request, Path(folder), largest)
        wishes = msgspec.structs.replace(query, form=query.form or kind)
        return await request.once(digest, lambda: _added(request, wishes, path))


async def _of_form(
    request: ApiRequest, query: Wishes, fields: dict[str, str], path: Path | None, filename: str
) -> Answer[DataSetView] | Answer[Checked]:
    given = converted(
        {**msgspec.structs.asdict(query), **{name: text for name, text in fields.items() if text}}, DataForm
    )
    if path is None:
        raise invalid("the form holds no file; send it in a field of this name", "file")
    named = Path(filename.replace("\\", "/").rpartition("/")[2])
    fitted = msgspec.structs.replace(
        given, name=given.name or named.stem, form=given.form or _SUFFIXES.get(named.suffix.lower())
    )
    return await _added(request, fitted, path)


async def _added(request: ApiRequest, wishes: Wishes, path: Path) -> Answer[DataSetView] | Answer[Checked]:
    datasets = strategies_of(request).datasets
    if wishes.form is None:
        raise invalid("say which form the data have: csv, jsonl or parquet", "form")
    facts = read_facts(wishes.facts)
    if wishes.dry_run:
        checked = await datasets.check(path, form=wishes.form, adjust=wishes.adjust, facts=facts)
        return Answer(status=200, body=checked)
    if wishes.replace:
        request.caller.require(Scope.ADMIN)
    if not wishes.name:
        raise invalid("give the data set a name", "name")
    view = await datasets.add(
        wishes.name,
        path,
        form=wishes.form,
        adjust=wishes.adjust,
        origin=wishes.origin,
        facts=facts,
        replace=wishes.replace,
    )
    return taken(request, view)


def _kind(request: ApiRequest) -> Form | None:
    kind = media_type(request)
    if kind not in _TYPES:
        raise ApiError(
            415, Code.UNSUPPORTED_TYPE, f"send {FORM_DATA} with a file, or the file itself as {', '.join(_TYPES)}"
        )
    return _TYPES[kind]


async def _written(request: ApiRequest, folder: Path, largest: int) -> tuple[Path, bytes]:
    """The body as a file, and its digest. Raises ``ApiError`` (413) as soon as it is too large."""
    path, seen, size = folder / "given", hashlib.sha256(), 0
    with path.open("xb") as file:
        async for part in request.body_parts():
            size += len(part)
            if size > largest:
                raise ApiError(413, Code.TOO_LARGE, f"the data are above the limit of {largest:,} bytes")
            seen.update(part)
            await asyncio.to_thread(file.write, part)
    return path, seen.digest()


ENDPOINTS = (post_dataset,)
