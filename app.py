"""Starts Oh-LoRA: `python app.py` serves the page; `python app.py --help` lists the flags."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

from ohlora_core.errors import OhLoraError
from ohlora_core.settings import Settings, load_settings
from ohlora_core.web.launch import serve

STARTED = time.perf_counter()


def parse_flags(arguments: list[str] | None = None) -> Settings:
    """Settings of the flags; what is not given comes from the environment, .env or defaults."""
    parser = argparse.ArgumentParser(description="Oh-LoRA (오로라): chat, ML Q&A, quiz, interview")
    parser.add_argument("--profile", help="language models: lite, v2, v4 or auto")
    parser.add_argument("--face", help="face generator: lite, v7 or v8")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (default 7860)")
    parser.add_argument("--share", action="store_true", default=None, help="public share link")
    parser.add_argument("--open", action="store_true", default=None, help="open the browser")
    parser.add_argument("--lang", help="language of the page: ko or en")
    parser.add_argument("--data-dir", type=Path, help="memories, blocks, caches, secret")
    return load_settings(**vars(parser.parse_args(arguments)))


def main() -> int:
    """Serve until interrupted; 1 with a message on stderr for an error that the user can mend."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(parse_flags(), STARTED)
    except OhLoraError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
