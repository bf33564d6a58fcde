"""The plugin, light to import."""

from __future__ import annotations

from abaca import Plugin, PluginCommand
from abaca_compile.service.settings import SETTINGS

PLUGIN = Plugin(
    name="compile",
    tasks="abaca_compile.service.compiler:Compiler",
    queues=("compile",),
    extra="compile",
    router="abaca_compile.web.routes:ENDPOINTS",
    pages="abaca_compile.web.pages:PAGES",
    title="Compile",
    icon="compile",
    commands=(
        PluginCommand("compile", "abaca_compile.command.compiling:compile_files", "Say whether files compile."),
        PluginCommand("environments", "abaca_compile.command.environments:environments", "Show the compilers."),
    ),
    settings=SETTINGS,
)
