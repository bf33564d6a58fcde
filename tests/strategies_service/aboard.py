"""An application for worker processes: the strategies on the store of ``ABACA_URL``."""

from abaca import App

app = App(plugins=["strategies"])
