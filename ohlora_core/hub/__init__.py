"""The published models: where each is kept, and where it lies on this machine.

Importing this package is light: nothing here knows of torch, and huggingface_hub loads only with
`ohlora_core.hub.fetch`, which downloads.
"""

from __future__ import annotations

from ohlora_core.hub.local import Hub
from ohlora_core.hub.manifest import Source

__all__ = ["Hub", "Source"]
