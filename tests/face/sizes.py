"""Sizes of networks for tests."""

from ohlora_core.face.lite import LiteConfig

TINY = (8, 8, 8, 8, 8, 4, 4)
TINY_LITE = LiteConfig(hidden=16, layers=1, codes=4, maps=13, channels=16, blocks=1)
