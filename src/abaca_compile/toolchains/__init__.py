"""Toolchains are found, never assumed."""

from abaca_compile.toolchains.asking import Runs
from abaca_compile.toolchains.discovering import IMAGES, Discovery
from abaca_compile.toolchains.finding import TOOLCHAINS

__all__ = ["IMAGES", "TOOLCHAINS", "Discovery", "Runs"]
