"""What runs in the sandbox, beside the author's code. Only ``work`` and the engine are known here, nothing of Abaca."""
