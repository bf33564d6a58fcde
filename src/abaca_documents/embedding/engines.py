"""The models that run here: they turn one list of texts into vectors, in the thread that calls them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from abaca_documents.embedding.weights import MINILM, MODELS, STATIC, Model, path_of

Floats = NDArray[np.float32]


class Engine(Protocol):
    """Vectors of length 1, one row for each text. A text without words has the vector of nothing: zeros."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


class SentenceEngine:
    """all-MiniLM-L6-v2. Texts are run one by one: the quantized model scales by what else is in the batch, so a batch
    would change the vectors, and the filling of shorter texts would cost more than it saves.

    A text of more tokens than the model reads at once is cut into windows; its vector is the mean of theirs by length.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.tokenizer = tokenizer_of(MINILM, folder)
        self.tokenizer.enable_truncation(MINILM.window)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path_of(MINILM, folder, ".onnx")), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [each.name for each in self._session.get_inputs()]

    def encode(self, texts: Sequence[str]) -> Floats:
        rows = np.zeros((len(texts), MINILM.dimension), np.float32)
        for at, encoding in enumerate(self.tokenizer.encode_batch(list(texts))):
            for window in (encoding, *encoding.overflowing):
                words = len(window.ids) - 2
                if words > 0:
                    rows[at] += words * _unit(self._run(window))
        return _units(rows)

    def _run(self, encoding: Encoding) -> Floats:
        ids = np.array([encoding.ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, {name: given[name] for name in self._inputs})[0]
        pooled: Floats = states[0].mean(axis=0) if states.ndim == 3 else states[0]
        return pooled


class StaticEngine:
    """The mean of the fixed vectors of a text's tokens: less exact by far, and forty times as fast."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.tokenizer = tokenizer_of(STATIC, folder)
        self._table = _read_table(path_of(STATIC, folder, ".safetensors"), "embedding.weight")

    def encode(self, texts: Sequence[str]) -> Floats:
        rows = np.zeros((len(texts), STATIC.dimension), np.float32)
        for at, encoding in enumerate(self.tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            if encoding.ids:
                rows[at] += self._table[encoding.ids].astype(np.float32).mean(axis=0)
        return _units(rows)


def open_engine(name: str, folder: Path, threads: int = 1) -> Engine:
    if MODELS[name] is STATIC:
        return StaticEngine(folder, threads)
    return SentenceEngine(folder, threads)


def tokenizer_of(model: Model, folder: Path) -> Tokenizer:
    """The model's tokenizer, that neither cuts nor fills."""
    tokenizer = Tokenizer.from_file(str(path_of(model, folder, ".tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_table(path: Path, name: str) -> NDArray[np.float16]:
    """One table of a file of the safetensors format: the length of a JSON head, the head, the numbers."""
    with path.open("rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        begin, end = head[name]["data_offsets"]
        kind = {"F16": np.float16, "F32": np.float32}[head[name]["dtype"]]
        file.seek(begin, 1)
        table = np.frombuffer(file.read(end - begin), kind)
    return table.reshape(head[name]["shape"]).astype(np.float16, copy=False)


def _unit(row: Floats) -> Floats:
    return row / max(float(np.linalg.norm(row)), 1e-12)


def _units(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Floats = (rows / np.maximum(norms, 1e-12)).astype("<f4")
    return units
