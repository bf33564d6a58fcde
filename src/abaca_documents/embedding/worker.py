"""A process that embeds: `python -m abaca_documents.embedding.worker MODEL FOLDER`.

It reads requests from standard input and writes answers to standard output, each a 4-byte length and as many bytes: a
MessagePack list of texts, and the packed vectors. It ends when its input does, so also when its parent was killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from abaca_documents.embedding.engines import open_engine

LENGTH = 4


def serve(source: BinaryIO, target: BinaryIO, name: str, folder: Path) -> None:
    engine = open_engine(name, folder)
    decode = msgspec.msgpack.Decoder(list[str]).decode
    while len(head := source.read(LENGTH)) == LENGTH:
        body = source.read(int.from_bytes(head, "little"))
        answer = engine.encode(decode(body)).tobytes()
        target.write(len(answer).to_bytes(LENGTH, "little"))
        target.write(answer)
        target.flush()


def main() -> None:
    # A stop of the whole group is the parent's to handle: it closes our input when it is done with us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between the answers
    serve(sys.stdin.buffer, answers, sys.argv[1], Path(sys.argv[2]))


if __name__ == "__main__":
    main()
