"""Its tasks."""

from abaca import App


class Greeter:
    """What ``app.plugins["greeting"]`` is."""

    def __init__(self, app: App) -> None:
        self.word = app.settings.value("greeting.word")

        @app.task(name="greeting.greet", queue="greetings")
        def greet(name: str) -> str:
            return f"{self.word} {name}"

        self.greet = greet
