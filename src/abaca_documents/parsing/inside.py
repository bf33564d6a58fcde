"""The program that reads one file inside the sandbox, with the sandbox's own Python.

It finds `request.json` and `document` in its folder and leaves `answer.json`: the parsed text, or why there is none.
It is started as a script, from the folder that this package is mounted in.
"""

import json
import sys
from importlib import import_module
from pathlib import Path


def main(folder: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    encode = import_module("msgspec.json").encode
    errors = import_module("abaca_documents.errors")
    reading = import_module("abaca_documents.parsing.reading")
    media = import_module("abaca_documents.parsing.media")
    limits = import_module("abaca_documents.protocols").ParseLimits
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    data = (folder / "document").read_bytes()
    (folder / "document").unlink()  # what it takes of the memory is needed for the answer
    try:
        kind = media.Kind(request["media_type"])
        parsed = reading.read(data, request["filename"], limits(**request["limits"]), kind)
        answer = {"parsed": parsed}
    except errors.IngestError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        answer = {"error": "TooLarge", "message": "reading it takes more memory than it may have"}
    (folder / "answer.json").write_bytes(encode(answer))


if __name__ == "__main__":
    main(Path.cwd())
