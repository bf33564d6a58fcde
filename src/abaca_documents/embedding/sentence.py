"""The sentence model, all-MiniLM-L6-v2 with 8-bit weights, by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding

from abaca_documents.embedding.engines import Floats, unit_of, units
from abaca_documents.embedding.tokens import tokenizer_of
from abaca_documents.embedding.weights import MINILM, path_of


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
                    rows[at] += words * unit_of(self._run(window))
        return units(rows)

    def _run(self, encoding: Encoding) -> Floats:
        ids = np.array([encoding.ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = np.asarray(self._session.run(None, {name: given[name] for name in self._inputs})[0], np.float32)[0]
        pooled: Floats = states.mean(axis=0) if states.ndim == 2 else states
        return pooled
