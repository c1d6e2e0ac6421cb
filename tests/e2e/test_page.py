"""A visitor in a real browser: all four tabs, the moving face, stop, reload, other sizes."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PATIENCE_MS = 120_000
REPLY = ".message.her[data-state=done]"
HANGUL = re.compile("[가-힣]")

# Mean colours of regions of the 256 x 256 face, sampled while frames are painted.
WATCH_FACE = """
() => {
  const canvas = document.querySelector('.face-talk');
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  pen.canvas.width = pen.canvas.height = 256;
  const regions = { eyes: [70, 105, 115, 35], mouth: [100, 165, 56, 45], hair: [38, 190, 40, 60] };
  const seen = window.__seen = { eyes: [], mouth: [], hair: [] };
  clearInterval(window.__watch);
  window.__watch = setInterval(() => {
    if (document.querySelector('.face').dataset.state !== 'talk') return;
    pen.drawImage(canvas, 0, 0);
    for (const [name, [x, y, w, h]] of Object.entries(regions)) {
      const d = pen.getImageData(x, y, w, h).data, sum = [0, 0, 0];
      for (let i = 0; i < d.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += d[i + c];
      seen[name].push(sum.map(value => value / (d.length / 4)));
    }
  }, 60);
}
"""


def spread(samples: list[list[float]]) -> float:
    """The largest change of a mean colour channel over the samples."""
    return max(max(channel) - min(channel) for channel in zip(*samples, strict=True))


@pytest.fixture(scope="module")
def page(browser, server):
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", locale="ko-KR"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.elsewhere = []
    page.failures = []
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, "data:", "blob:"))
            else page.elsewhere.append(request.url)
        ),
    )
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    open_page(page, server)
    yield page
    context.close()


def open_page(page, server) -> None:
    page.goto(server.url, timeout=PATIENCE_MS)
    page.wait_for_selector("#chat-box textarea")
    page.wait_for_selector(".face-rest.shown")


def say(page, tab: str, text: str) -> str:
    """Send a text in the open tab; her reply."""
    before = page.locator(f"#{tab}-log {REPLY}").count()
    page.fill(f"#{tab}-box textarea", text)
    page.click(f"#{tab}-send")
    page.wait_for_function(
        "([log, count]) => document.querySelectorAll(log).length > count",
        arg=[f"#{tab}-log {REPLY}", before],
    )
    return page.locator(f"#{tab}-log {REPLY} .bubble-text").last.inner_text()


def painted(page) -> int:
    return page.evaluate("window.ohlora.player.painted")


def wait_for_rest(page) -> None:
    page.wait_for_function("document.querySelector('.face').dataset.state === 'rest'")


def test_reply_comes_with_a_moving_face(page, screenshots):
    page.screenshot(path=screenshots / "start.png")
    page.evaluate(WATCH_FACE)
    before = painted(page)
    reply = say(page, "chat", "로라야 안녕? <b>너는</b> 누구야?")
    assert HANGUL.search(reply)
    assert page.locator("#chat-log .message.user .bubble").last.inner_text().count("<b>") == 1
    page.wait_for_selector(".face[data-state=talk]")
    page.screenshot(path=screenshots / "chat.png")
    wait_for_rest(page)
    assert painted(page) - before >= 60
    assert page.evaluate("window.ohlora.player.lost") == 0
    seen = page.evaluate("window.__seen")
    assert spread(seen["eyes"]) > 1, "the eyes do not move"
    assert spread(seen["mouth"]) > 1, "the mouth does not move"
    assert spread(seen["hair"]) > 4, "the tips of the hair keep their colour"


def test_memory_is_stored_and_shown(page):
    say(page, "chat", "나 내일 친구랑 카페 가기로 했어")
    page.wait_for_selector("#chat-log .chip.memory_added")
    page.click("#memories button.label-wrap")
    page.wait_for_selector(".memory-list li >> text=카페")


def test_stop_ends_the_turn_at_once(page):
    wait_for_rest(page)
    page.fill("#chat-box textarea", "오늘 뭐 하고 있었어?")
    page.click("#chat-send")
    page.wait_for_selector("#chat-log .message.user >> text=오늘 뭐 하고 있었어?")
    page.click("#chat-stop")
    page.wait_for_function(
        "!document.querySelector('#chat-log [data-state=pending]')", timeout=PATIENCE_MS
    )
    time.sleep(2)
    wait_for_rest(page)
    still = painted(page)
    time.sleep(1.5)
    assert painted(page) == still


def test_question_with_sources(page, screenshots):
    page.click("#tabs button[role=tab]:nth-of-type(2)")
    assert HANGUL.search(say(page, "qna", "과적합이 뭐야?"))
    page.wait_for_selector("#qna-log .sources .cosine")
    page.screenshot(path=screenshots / "qna.png")


def test_quiz(page, screenshots):
    page.click("#tabs button[role=tab]:nth-of-type(3)")
    first = page.locator("#quiz-card h2").inner_text()
    say(page, "quiz", "데이터로 모델을 학습하는 것이라고 생각해요")
    assert 0 <= int(page.locator("#quiz-log .grade strong").inner_text()) <= 100
    page.wait_for_selector("#quiz-log .extra")
    page.screenshot(path=screenshots / "quiz.png")
    page.click("#quiz-next")
    page.wait_for_function(
        "first => document.querySelector('#quiz-card h2').innerText !== first", arg=first
    )
    assert page.locator("#quiz-card .why").count() == 1


def test_interview(page, screenshots):
    page.click("#tabs button[role=tab]:nth-of-type(4)")
    page.click("#interview-start")
    page.wait_for_selector(f"#interview-log {REPLY}")
    page.wait_for_selector("#interview-progress [aria-current=step]")
    assert HANGUL.search(say(page, "interview", "안녕하세요! 잘 부탁드려요."))
    page.screenshot(path=screenshots / "interview.png")
    page.click("#interview-pause")
    page.wait_for_selector("#interview-resume")


def test_language_switch_keeps_the_dialogue(page):
    page.click("#tabs button[role=tab]:nth-of-type(1)")
    count = page.locator("#chat-log .message").count()
    page.click("#language label:nth-of-type(2)")
    page.wait_for_selector("#chat-send:text('Send')")
    assert page.locator("#chat-log .message").count() == count
    assert page.evaluate("document.documentElement.dataset.lang") == "en"
    page.click("#language label:nth-of-type(1)")
    page.wait_for_selector("#chat-send:text('보내기')")


def test_settings(page, screenshots):
    page.click("#settings-open")
    page.wait_for_selector("#settings .gallery-list img")
    page.wait_for_timeout(800)
    page.screenshot(path=screenshots / "settings.png")
    page.keyboard.press("Escape")
    page.wait_for_selector("#settings", state="hidden")


def test_reload_finds_history_and_memory_again(page, server):
    open_page(page, server)
    page.wait_for_selector(f"#chat-log {REPLY}")
    assert "너는" in page.locator("#chat-log .message.user").first.inner_text()
    if not page.locator(".memory-list").is_visible():
        page.click("#memories button.label-wrap")
    page.wait_for_selector(".memory-list li >> text=카페")


def test_nothing_was_asked_of_other_hosts_and_no_script_failed(page):
    assert page.elsewhere == []
    assert page.failures == []


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [("phone", (390, 844), "light"), ("dark", (1280, 800), "dark")],
)
def test_other_screens(browser, server, screenshots, name, size, scheme):
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="ko-KR"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    open_page(page, server)
    assert HANGUL.search(say(page, "chat", "오늘 기분이 좋아!"))
    page.screenshot(path=screenshots / f"{name}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
