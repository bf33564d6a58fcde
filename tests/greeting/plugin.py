"""The plugin, light to import."""

from abaca import App, Plugin, PluginCommand, Setting


class Greeter:
    """What ``app.plugins["greeting"]`` is."""

    def __init__(self, app: App) -> None:
        self.word = app.settings.value("greeting.word")

        @app.task(name="greeting.greet", queue="greetings")
        def greet(name: str) -> str:
            return f"{self.word} {name}"

        self.greet = greet


PLUGIN = Plugin(
    name="greeting",
    tasks=Greeter,
    queues=("greetings",),
    router="tests.greeting.routes:ENDPOINTS",
    pages="tests.greeting.pages:PAGES",
    title="Greetings",
    commands=(PluginCommand("greet", "tests.greeting.command:greet", "Greet somebody."),),
    settings=(
        Setting.text("greeting.word", "hello", "the first word of a greeting"),
        Setting.size("greeting.largest", 2 << 20, "bytes of the largest letter"),
        Setting.flag("greeting.loud", False, "whether it is shouted"),
        Setting.text("greeting.token", "", "a secret", secret=True),
    ),
)
