"""The verb ``beat``: leases renewed, cancel flags told, the worker's card replaced."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backends.sqlite.settles import Run, runs_of
from abaca.backends.sqlite.tx import Tx, pack
from abaca.model import Beat, Card, Lease, Pulse, State

_encode = msgspec.json.Encoder().encode


def beat(tx: Tx, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
    if card is not None:
        tx.run("put_card", worker=card.id, now=tx.now, card=_encode(card).decode())
    if not beats:
        return []
    runs = runs_of(tx, [one.id for one in beats])
    pulses = [_pulse(one, runs.get(one.id)) for one in beats]
    alive = [pulse.id for pulse in pulses if pulse.alive]
    if alive:
        tx.run("renew", ids=pack(alive), lease_ms=lease.ms, now=tx.now)
    return pulses


def _pulse(beat: Beat, run: Run | None) -> Pulse:
    if run is None or run.state != State.RUNNING or run.epoch != beat.epoch:
        return Pulse(id=beat.id, epoch=beat.epoch, alive=False)
    return Pulse(id=beat.id, epoch=beat.epoch, alive=True, cancel=bool(run.cancel))
