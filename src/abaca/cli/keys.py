"""``abaca keys``"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from abaca.cli.output import note, print_json, print_table
from abaca.cli.session import Given
from abaca.keys import DEFAULT_SCOPES, ApiKey, all_keys, create_key, revoke_key
from abaca.views import instant

keys = App(name="keys", help="Show the API keys of the service; create or revoke one.")


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret, which nobody has."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    rate: int | None
    queues: tuple[str, ...]
    created_at: str


def key_view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        owner=key.owner,
        scopes=key.scopes,
        rate=key.rate,
        queues=key.queues,
        created_at=instant(key.created_at),
    )


@keys.default
def list_keys(*, session: Given) -> None:
    """Show the API keys of the service. What a key says is shown at its creation alone."""
    _list(session)


@keys.command(name="list")
def list_again(*, session: Given) -> None:
    """Show the keys; the same as `abaca keys` without a command."""
    _list(session)


@keys.command
def create(
    name: str,
    /,
    *,
    scope: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="jobs:read, jobs:write, worker, admin, or your own; may be given several times."),
    ] = DEFAULT_SCOPES,
    owner: Annotated[str | None, Parameter(help="Whose jobs it sees and makes; else its name.")] = None,
    rate: Annotated[int | None, Parameter(help="How many requests a minute it may make.")] = None,
    queue: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Queues its workers may claim from; else all.")
    ] = (),
    session: Given,
) -> None:
    """Make a key and print it. It is shown this once; the store has only its digest."""
    key, text = session.run(
        lambda app: create_key(app.client(), name, owner=owner, scopes=scope, rate=rate, queues=queue), create=True
    )
    if session.json:
        print_json({**msgspec.structs.asdict(key_view(key)), "key": text})
        return
    print(text)
    note(f"key {key.id} of {key.owner!r}: {', '.join(key.scopes)}; it is not shown again")


@keys.command
def revoke(id: str, /, *, session: Given) -> None:
    """Take a key back. A running service goes on to accept it for at most five seconds."""
    key = session.run(lambda app: revoke_key(app.client(), id))
    print_json(key_view(key)) if session.json else note(f"key {key.id} ({key.name}): revoked")


def _list(session: Given) -> None:
    found = session.run(lambda app: all_keys(app.client()))
    if session.json:
        print_json([key_view(key) for key in found])
        return
    rows = [(key.id, key.name, key.owner, ",".join(key.scopes), key.rate, instant(key.created_at)) for key in found]
    print_table(("key", "name", "owner", "scopes", "a minute", "created"), rows, "no keys; abaca keys create NAME")
