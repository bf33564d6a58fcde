"""What an operator may set."""

from __future__ import annotations

from abaca import Setting

_MIB = 1 << 20

SETTINGS = (
    Setting.count("compile.slots", 2, "compilations at once in one worker"),
    Setting.seconds("compile.wall", 30.0, "seconds of a compilation where a request says nothing"),
    Setting.seconds("compile.cpu", 20.0, "CPU seconds of a compilation where a request says nothing"),
    Setting.size("compile.memory", 512 * _MIB, "bytes of memory of a compilation where a request says nothing"),
    Setting.size("compile.output", _MIB, "bytes of each output of a compilation where a request says nothing"),
    Setting.size("compile.artifact", 4 * _MIB, "bytes of what was built that are kept with the result"),
    Setting.flag("compile.run", True, "whether a request may ask to run what was built"),
    Setting.count("compile.rate", 10, "requests a minute that a key may submit"),
    Setting.count("compile.burst", 5, "requests that a key may submit at once"),
    Setting.count("compile.queue_length", 1000, "compilations that may wait, where the queue has no length yet"),
    Setting.seconds("compile.keep", 24 * 3600.0, "seconds that ended compilations stay"),
    Setting.duration("compile.cache_keep", 24 * 3600.0, "seconds for which an answer is used again; 0 keeps none"),
    Setting.text(
        "compile.toolchains", "", "folder of toolchains that every user can read, beside /opt/abaca/toolchains"
    ),
    Setting.text("compile.images", "", "folder of compiler images, each a root file system"),
    Setting.flag("compile.prepare", True, "workers make the caches that compilers read where they are missing"),
    Setting.text("compile.key", "", "the API key for `abaca compile --remote`", secret=True),
    Setting.flag("compile.allow_unsandboxed", False, "compile without a sandbox; never for sources of others"),
)
