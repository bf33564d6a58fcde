"""The page of the dashboard where one writes code and sees what compilers say to it."""

from __future__ import annotations

from abaca.http import Desk, Reply, page


@page("/compile")
async def compile_page(desk: Desk) -> Reply:
    return desk.page("compile/index.html", here="compile", examples=())


PAGES = (compile_page,)
