"""``abaca config``"""

from __future__ import annotations

from abaca.cli.output import print_json, print_table
from abaca.cli.session import Given
from abaca.plugins import installed_plugins


def config(*, session: Given) -> None:
    """Print every setting and where it came from; passwords are hidden."""
    more = [setting for plugin in installed_plugins().values() for setting in plugin.settings]
    sources = session.settings(more).sources
    if session.json:
        print_json(
            [
                {
                    "name": source.setting.name,
                    "value": source.shown,
                    "from": source.origin,
                    "variable": source.setting.variable,
                }
                for source in sources
            ]
        )
        return
    rows = [(source.setting.name, source.shown, source.origin, source.setting.about) for source in sources]
    print_table(("setting", "value", "from", "meaning"), rows, "no settings")
