"""Whether the file itself is sound: its pages, its indexes, its tables."""

from __future__ import annotations

import asyncio
import re
from functools import cache

import apsw

from abaca.backends.sqlite.connection import DAMAGED, connect, translate
from abaca.backends.sqlite.engine import Engine
from abaca.backends.sqlite.statements import migrations, sql
from abaca.backends.sqlite.tx import Tx
from abaca.model import Fault, FaultKind

_MOST = 100
_INDEX = re.compile(r"(?:missing from|wrong # of entries in|in|of) index (\w+)|non-unique entry in index (\w+)")

Things = dict[str, tuple[str, str | None]]
"""Tables and indexes by name: type and statement."""


async def examine(engine: Engine, repair: bool) -> list[Fault]:
    """On a connection and a thread of its own, because a look at every page takes long and must hold up nobody."""
    found = await asyncio.to_thread(_look, engine)
    if repair and any(fault.kind is FaultKind.INDEX for fault in found):
        await engine.write(lambda tx: _rebuild(tx, found))
        left = {(fault.kind, fault.id) for fault in await asyncio.to_thread(_look, engine)}
        return [_told(fault, mended=(fault.kind, fault.id) not in left) for fault in found]
    return found


def _told(fault: Fault, *, mended: bool) -> Fault:
    return Fault(kind=fault.kind, id=fault.id, detail=fault.detail, repaired=mended and fault.kind is FaultKind.INDEX)


def _look(engine: Engine) -> list[Fault]:
    try:
        connection = connect(engine.settings)
        try:
            connection.execute("PRAGMA query_only = ON")
            present = _things(connection)
            return [*_schema(present), *_pages(connection)]
        finally:
            connection.close()
    except DAMAGED as error:
        return [Fault(kind=FaultKind.FILE, id="file", detail=f"it cannot be read to its end: {error}")]
    except apsw.Error as error:
        raise translate(error, engine.settings.path) from error


def _pages(connection: apsw.Connection) -> list[Fault]:
    faults: dict[tuple[FaultKind, str], str] = {}
    for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST})"):
        if line == "ok":
            continue
        named = _INDEX.search(str(line))
        place = (FaultKind.INDEX, named[1] or named[2]) if named else (FaultKind.FILE, "file")
        faults.setdefault(place, str(line))
    return [Fault(kind=kind, id=id, detail=detail) for (kind, id), detail in faults.items()]


def _schema(present: Things) -> list[Fault]:
    faults = []
    for name, (type, _) in declared().items():
        if name not in present:
            kind = FaultKind.INDEX if type == "index" else FaultKind.FILE
            faults.append(Fault(kind=kind, id=name, detail=f"the {type} {name} is missing"))
    for name, (type, _) in present.items():
        if name not in declared():
            detail = f"the {type} {name} is none of this store's; it stays"
            faults.append(Fault(kind=FaultKind.UNDECLARED, id=name, detail=detail))
    return faults


@cache
def declared() -> Things:
    """What the migrations make."""
    connection = apsw.Connection(":memory:")
    try:
        for _, statements in migrations():
            connection.execute(statements)
        return _things(connection)
    finally:
        connection.close()


def _things(connection: apsw.Connection) -> Things:
    return {name: (type, text) for type, name, text in connection.execute(sql("audit_schema"))}


def _rebuild(tx: Tx, found: list[Fault]) -> None:
    """Make the named indexes anew of their tables."""
    names = [fault.id for fault in found if fault.kind is FaultKind.INDEX]
    present = _things(tx.connection)
    for name in names:
        if name in present or name.startswith("sqlite_autoindex"):
            tx.connection.execute(f'REINDEX "{name}"')
        elif (statement := declared()[name][1]) is not None:
            tx.connection.execute(statement)
    tx.run("count_repaired", jobs=len(names))
