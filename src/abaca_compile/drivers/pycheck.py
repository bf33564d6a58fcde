"""Runs in the sandbox, under whatever Python it is given: compiles files and says what is wrong with them."""

from __future__ import annotations

import json
import sys
import traceback
import warnings


def report(
    severity: str,
    code: str,
    message: str,
    file: str,
    line: int | None = None,
    column: int | None = None,
    end_line: int | None = None,
    end_column: int | None = None,
) -> None:
    found = {"severity": severity, "code": code, "message": message, "file": file, "line": line, "column": column}
    sys.stdout.write(json.dumps({**found, "end_line": end_line, "end_column": end_column}) + "\n")


def positive(number: int | None) -> int | None:
    return number if number and number > 0 else None


def check(name: str) -> bool:
    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: str | None = None,
    ) -> None:
        report("warning", category.__name__, str(message), filename, positive(lineno))
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = warned
    with open(name, "rb") as file:
        source = file.read()
    try:
        compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        traceback.print_exception(type(error), error, None)
        end_column = positive(getattr(error, "end_offset", None))
        end_line = positive(error.end_lineno) if end_column else None
        report(
            "error",
            type(error).__name__,
            str(error.msg),
            error.filename or name,
            positive(error.lineno),
            positive(error.offset),
            end_line,
            end_column,
        )
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        traceback.print_exception(type(error), error, None)
        report("error", type(error).__name__, str(error) or "it is too complex to compile", name)
    else:
        return True
    return False


if __name__ == "__main__":
    warnings.simplefilter("default")
    answers = [check(name) for name in sys.argv[1:]]  # all of them are looked at, also behind a wrong one
    sys.exit(0 if all(answers) else 1)
