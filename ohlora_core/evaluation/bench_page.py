"""Speed as a visitor sees it: a real server, a real browser, what the player painted and when.

Knows the page only by its address, its elements and the player's own counters.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from ohlora_core.errors import OhLoraError
from ohlora_core.settings import PROJECT_DIR, Settings

__all__ = ["MESSAGES", "bench_page", "paint_report"]

MESSAGES = (
    "로라야 안녕?",
    "나 오늘 시험 망했어",
    "너는 뭐 좋아해?",
    "나 내일 친구랑 카페 가기로 했어",
    "고마워, 힘이 난다",
)
PATIENCE_S = 180
IDLE_S = 20.0
WARM_UP = "오늘 기분이 좋아!"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")

# Notes when a reply is complete on the page; the player notes when it paints.
_WATCH = """
() => {
  window.__complete = [];
  const log = document.querySelector('#chat-log .dialogue-log');
  const count = () => log.querySelectorAll('.message.her[data-state=done]').length;
  let known = count();
  new MutationObserver(() => {
    if (count() > known) window.__complete.push(performance.now());
    known = count();
  }).observe(log, { childList: true, subtree: true, attributes: true });
}
"""
_READ = """
since => ({
  complete: window.__complete.find(at => at >= since),
  paints: window.ohlora.player.paints.filter(at => at >= since),
  underruns: window.ohlora.player.underruns,
  lost: window.ohlora.player.lost,
})
"""


class BrowserMissingError(OhLoraError):
    """There is nothing to open the page with."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(
            f"페이지 속도를 재려면 {what} 이(가) 필요해요: {how}",
            f"Measuring the page needs {what}: {how}",
        )


def bench_page(settings: Settings, turns: int = 10) -> dict[str, Any]:
    """Medians over chat turns in Chromium, and the processor time of a page at rest.

    first_frame_s: from the complete reply on the page to the first painted frame. painted_fps:
    frames painted a second between the first and the last one of a reply, the lowest reply as
    painted_fps_min. longest_gap_ms: between two paints of a reply. idle_cpu_percent: what the
    server uses of one core with one page at rest, less what it uses with none.

    Raises:
        BrowserMissingError: without Playwright or Chromium.
    """
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        raise BrowserMissingError("Chromium", "apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BrowserMissingError("Playwright", "pip install -r requirements-dev.txt") from error
    with _server(settings) as (process, url), sync_playwright() as playwright:
        alone = _cpu_percent(process, IDLE_S)
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=list(BROWSER_FLAGS), timeout=1000 * PATIENCE_S
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="ko-KR")
        page.set_default_timeout(1000 * PATIENCE_S)
        page.goto(url)
        page.wait_for_selector(".face[data-loop=yes]")
        page.evaluate(_WATCH)
        time.sleep(2)
        resting = _cpu_percent(process, IDLE_S)
        _turn(page, WARM_UP)
        before = page.evaluate(_READ, 0)
        reports = [paint_report(_turn(page, MESSAGES[k % len(MESSAGES)])) for k in range(turns)]
        after = page.evaluate(_READ, 0)
        browser.close()
    return {
        "bench": "page",
        "first_frame_s": _median(reports, "first_frame_s"),
        "first_frame_s_max": max(report["first_frame_s"] for report in reports),
        "painted_fps": _median(reports, "painted_fps"),
        "painted_fps_min": min(report["painted_fps"] for report in reports),
        "longest_gap_ms": max(report["longest_gap_ms"] for report in reports),
        "frames": _median(reports, "frames"),
        "underruns": after["underruns"] - before["underruns"],
        "lost": after["lost"] - before["lost"],
        "idle_cpu_percent": round(resting - alone, 2),
        "face": settings.face,
        "turns": turns,
    }


def paint_report(seen: dict[str, Any]) -> dict[str, float]:
    """What one reply looked like.

    seen: `complete` (ms at which the reply was complete) and `paints` (ms of each painted frame,
    ascending, at least two).
    """
    paints = seen["paints"]
    return {
        "first_frame_s": round((paints[0] - seen["complete"]) / 1000, 3),
        "painted_fps": round(1000 * (len(paints) - 1) / (paints[-1] - paints[0]), 2),
        "longest_gap_ms": round(max(later - sooner for sooner, later in pairwise(paints))),
        "frames": len(paints),
    }


def _median(reports: list[dict[str, float]], name: str) -> float:
    return round(statistics.median(report[name] for report in reports), 3)


def _turn(page: Any, message: str) -> dict[str, Any]:
    """Say something and wait until the face rests again."""
    since = page.evaluate("performance.now()")
    page.fill("#chat-box textarea", message)
    page.click("#chat-send")
    page.wait_for_function("since => window.__complete.some(at => at >= since)", arg=since)
    page.wait_for_selector(".face[data-state=talk]")
    page.wait_for_selector(".face[data-state=rest]")
    time.sleep(1.0)  # the commit
    return dict(page.evaluate(_READ, since))


def _cpu_percent(process: psutil.Process, seconds: float) -> float:
    """Share of one core that a process used over some seconds."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / seconds


@contextmanager
def _server(settings: Settings) -> Iterator[tuple[psutil.Process, str]]:
    """app.py in its own process with an empty data folder, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="ohlora-bench-") as folder:
        command = [sys.executable, str(PROJECT_DIR / "app.py"), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--face", settings.face]
        command += ["--profile", settings.profile]
        environment = os.environ | {"OHLORA_DATA_DIR": folder, "OHLORA_OPEN": "false"}
        environment["OHLORA_MODELS_DIR"] = str(settings.models_dir)
        with (Path(folder) / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=PROJECT_DIR, env=environment
            )
            try:
                _wait_until_served(process, url, Path(log.name))
                yield psutil.Process(process.pid), url
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_served(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"the page was not served:\n{log.read_text(errors='replace')[-2000:]}")
