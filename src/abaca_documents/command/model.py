"""``abaca documents model``"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from abaca import AbacaError, ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json
from abaca_documents.embedding.choosing import NAMES
from abaca_documents.embedding.weights import MODELS, ModelMissing
from abaca_documents.errors import DocumentsError
from abaca_documents.parsing.confined import is_prepared, prepare_runtime
from abaca_documents.preparing import fetch_models
from abaca_documents.settings import SETTINGS, kept_in
from abaca_sandbox import SandboxUnavailable


def model(
    *names: Annotated[str, Parameter(name="NAME", help="minilm or static. [default: both]")],
    session: Given,
) -> int:
    """Fetch the models that are missing, and build the Python that parsers run with in the sandbox.

    Afterwards documents are taken in and searched without a network. What is there already takes no time.
    """
    wanted = [NAMES.get(name, name) for name in names or NAMES]
    for name in wanted:
        if name not in MODELS:
            raise ConfigError(f"there is no model {name!r}; give one of {', '.join(NAMES)}")
    folder = kept_in(session.settings(SETTINGS).value("documents.models"))
    try:
        fetch_models(wanted, folder)
    except ModelMissing as error:
        raise AbacaError(str(error)) from error
    obstacle = ""
    if not is_prepared():
        note("building the Python that parsers run with in the sandbox")
        try:
            prepare_runtime()
        except (SandboxUnavailable, DocumentsError) as error:
            obstacle = str(error)
    if session.json:
        print_json({"models": wanted, "folder": str(folder), "parsers": not obstacle, "error": obstacle})
    else:
        note(obstacle or f"the models are in {folder}, and parsers are ready")
    return EXIT_FAILED if obstacle else EXIT_OK
