"""Its page of the dashboard."""

from abaca.http import Desk, Reply, page


@page("/greeting")
async def greeting(desk: Desk) -> Reply:
    return desk.page("greeting/index.html", here="greeting", word=desk.app.plugins["greeting"].word)


PAGES = (greeting,)
