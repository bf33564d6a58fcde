"""``abaca completion``"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from abaca.cli.output import note

_PLACES = {
    "bash": "abaca completion bash > ~/.local/share/bash-completion/completions/abaca",
    "zsh": "abaca completion zsh > ~/.zfunc/_abaca, where ~/.zfunc is in your $fpath",
    "fish": "abaca completion fish > ~/.config/fish/completions/abaca.fish",
}


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="bash, zsh or fish.")],
    /,
) -> None:
    """Print a script that completes commands and flags.

    bash: abaca completion bash > ~/.local/share/bash-completion/completions/abaca; zsh: into a folder of your
    $fpath as _abaca; fish: into ~/.config/fish/completions/abaca.fish. New shells then complete.
    """
    from abaca.cli.entry import app

    print(app.meta.generate_completion(prog_name="abaca", shell=shell), end="")
    if sys.stdout.isatty():
        note(f"to keep it: {_PLACES[shell]}")
