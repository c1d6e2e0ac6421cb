"""Starts the server: port check, models, page, routes, share link."""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import Any

from ohlora_core.errors import PortInUseError
from ohlora_core.settings import Settings

__all__ = ["check_port", "launch_options", "serve"]

logger = logging.getLogger(__name__)


def serve(settings: Settings, started: float | None = None) -> None:
    """Load everything and serve until interrupted.

    Args:
        started: `time.perf_counter()` at which the program started.

    Raises:
        OhLoraError: if the port is taken, a model or the data folder cannot be used.
    """
    begun = time.perf_counter() if started is None else started
    check_port(settings.host, settings.port)
    _stay_local()
    # heavy: only after the cheap checks
    from ohlora_core.core import Core
    from ohlora_core.web.identity import Identity
    from ohlora_core.web.page import build_page

    core = Core.load(settings)
    try:
        blocks = build_page(core, Identity.of(settings))
        _, url, share_url = blocks.launch(**launch_options(core))
        logger.info("ready after %.1f s: %s", time.perf_counter() - begun, url)
        if settings.share:
            _tell_share(share_url)
        blocks.block_thread()
    finally:
        core.close()


def launch_options(core: Any) -> dict[str, Any]:
    """Arguments of `Blocks.launch` for a core."""
    from ohlora_core.web.assets import STATIC, static_text
    from ohlora_core.web.routes import make_routes
    from ohlora_core.web.theme import make_theme

    settings: Settings = core.settings
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "share": settings.share,
        "inbrowser": settings.open,
        "prevent_thread_lock": True,
        "show_error": True,
        "quiet": True,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "favicon_path": str(STATIC / "favicon.svg"),
        "theme": make_theme(),
        "css": static_text("style.css"),
        "head": f"<style>{static_text('page.css')}</style>"
        f"<script>{static_text('page.js')}; ohlora.language('{settings.lang}')</script>",
        "app_kwargs": {"routes": make_routes(core)},
    }


def check_port(host: str, port: int) -> None:
    """See that the port is free, before any model is loaded.

    Raises:
        PortInUseError: if another program listens on it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(port) from error


def _stay_local() -> None:
    """Keep the libraries from asking other hosts for anything; a share link needs the network.

    Whatever profile runs, or "auto" becomes: models come with the repository or with `fetch`.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _tell_share(url: str | None) -> None:
    if url:
        logger.info("share link: %s", url)
    else:
        logger.warning(
            "공유 링크를 만들지 못했어요. 인터넷 연결을 확인해 주세요. "
            "이 컴퓨터에서는 계속 쓸 수 있어요. / "
            "No share link could be made: check the internet connection. "
            "The page still works on this machine."
        )
