"""The plugin, light to import."""

from abaca import Plugin, PluginCommand, Setting

PLUGIN = Plugin(
    name="greeting",
    tasks="tests.greeting.greeter:Greeter",
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
