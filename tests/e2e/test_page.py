"""A visitor goes through the page in a real browser, with the embedded models."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.e2e

LIMIT_MS = 180_000
# Every painted frame leaves the mean colours of a 4 x 4 grid over eyes, mouth and hair tips.
RECORD_FRAMES = """
() => {
  const canvas = document.querySelector('.face-talk'), pen = canvas.getContext('2d');
  const scale = canvas.width / 256;
  const regions = { eyes: [64, 96, 128, 48], mouth: [96, 160, 64, 48], tips: [40, 190, 36, 40] };
  const draw = pen.drawImage.bind(pen);
  window.seen = { eyes: [], mouth: [], tips: [] };
  pen.drawImage = (...given) => {
    draw(...given);
    for (const [name, box] of Object.entries(regions)) {
      const [x, y, w, h] = box.map(value => Math.round(value * scale));
      const data = pen.getImageData(x, y, w, h).data, sums = new Array(48).fill(0);
      for (let row = 0; row < h; row++) for (let column = 0; column < w; column++) {
        const cell = Math.floor(4 * row / h) * 4 + Math.floor(4 * column / w);
        const at = 4 * (row * w + column);
        for (let c = 0; c < 3; c++) sums[3 * cell + c] += data[at + c] * 16 / (w * h);
      }
      window.seen[name].push(sums);
    }
  };
}
"""
PAINTED = "() => window.ohlora.player.painted"
AT_REST = "() => document.querySelector('.face').dataset.state === 'rest'"


@pytest.fixture(scope="module")
def page(chromium, server):
    page = chromium.new_page(viewport={"width": 1280, "height": 860}, locale="ko-KR")
    page.set_default_timeout(LIMIT_MS)
    errors: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: _note_foreign(request.url, server, foreign))
    page.goto(server)
    page.wait_for_function("() => window.ohlora?.player && document.querySelector('#chat-box')")
    page.wait_for_function("() => document.querySelector('.face-rest.shown')")
    yield page
    assert not errors
    assert not foreign, "the page asks no other host for anything"
    page.close()


def _note_foreign(url: str, server: str, foreign: list[str]) -> None:
    if not url.startswith((server, server.replace("http", "ws"), "data:", "blob:")):
        foreign.append(url)


def open_tab(page, name: str) -> None:
    page.locator(f"#tab-{name}-button").click()
    page.locator(f"#{name}-log").wait_for()


def say(page, tab: str, text: str) -> str:
    """Send a text; her complete answer."""
    answers = page.locator(f"#{tab}-log .message.her:not(.pending)")
    before = answers.count()
    page.locator(f"#{tab}-box textarea").fill(text)
    page.locator(f"#{tab}-send").click()
    return wait_for_answer(page, tab, before)


def wait_for_answer(page, tab: str, before: int) -> str:
    page.wait_for_function(
        """([id, before]) => {
            const hers = document.querySelectorAll(`#${id}-log .message.her`);
            const last = hers[hers.length - 1];
            return hers.length > before && last.querySelector('.bubble-text')
                && !last.querySelector('.dots') && last.innerText.trim();
        }""",
        arg=[tab, before],
    )
    return page.locator(f"#{tab}-log .message.her .bubble-text").last.inner_text()


def test_her_face_speaks_with_the_reply(page, screenshots):
    page.evaluate(RECORD_FRAMES)
    before = page.evaluate(PAINTED)
    reply = say(page, "chat", "로라야 안녕? 너는 누구야?")
    assert any("가" <= letter <= "힣" for letter in reply)
    page.wait_for_function(f"() => window.ohlora.player.painted >= {before + 60}")
    page.screenshot(path=screenshots / "chat.png")
    page.wait_for_function(AT_REST)
    assert page.evaluate(PAINTED) - before >= 60
    seen = {name: np.array(rows) for name, rows in page.evaluate("() => window.seen").items()}
    for name, change in (("eyes", 3), ("mouth", 3), ("tips", 8)):
        assert np.ptp(seen[name], axis=0).max() > change, f"{name} do not change"


def test_a_memory_survives_a_reload(page):
    say(page, "chat", "나 내일 친구랑 카페 가기로 했어")
    page.wait_for_function("() => document.querySelector('#memories').innerText.includes('카페')")
    page.wait_for_function(AT_REST)
    page.reload()
    page.wait_for_function(
        "() => document.querySelector('#chat-log')?.innerText.includes('친구랑 카페')"
    )
    assert "카페" in page.locator("#memories").text_content()


def test_stop_ends_the_frames(page):
    page.evaluate(RECORD_FRAMES)
    before = page.evaluate(PAINTED)
    say(page, "chat", "배고파")
    page.wait_for_function(f"() => window.ohlora.player.painted > {before + 5}")
    page.locator("#chat-stop").click()
    page.wait_for_function(AT_REST)
    stopped = page.evaluate(PAINTED)
    page.wait_for_timeout(1500)
    assert page.evaluate(PAINTED) == stopped < before + 110


def test_bad_input_is_explained_in_the_dialogue(page):
    page.locator("#chat-box textarea").fill("가" * 81)
    page.locator("#chat-send").click()
    page.wait_for_function(
        "() => document.querySelector('#chat-log').innerText.includes('너무 긴 질문')"
    )


def test_qna_answers_with_sources(page, screenshots):
    open_tab(page, "qna")
    assert say(page, "qna", "과적합이 뭐야?")
    assert "과적합" in page.locator("#qna-log .sources").last.inner_text()
    page.screenshot(path=screenshots / "qna.png")


def test_quiz_grades_and_explains(page, screenshots):
    open_tab(page, "quiz")
    page.locator("#quiz-card").get_by_text("?", exact=False).first.wait_for()
    assert say(page, "quiz", "잘 모르겠어요")
    assert page.locator("#quiz-log .grade").last.is_visible()
    page.screenshot(path=screenshots / "quiz.png")


def test_the_interview_asks_and_goes_on(page, screenshots):
    open_tab(page, "interview")
    page.locator("#interview-start").click()
    wait_for_answer(page, "interview", 0)
    say(page, "interview", "안녕하세요, 잘 부탁드립니다!")
    assert "거대 언어 모델" in page.locator("#interview-progress").inner_text()
    page.screenshot(path=screenshots / "interview.png")


def test_the_language_switch_keeps_the_dialogue(page, screenshots):
    open_tab(page, "chat")
    shown = page.locator("#chat-log .message").count()
    page.locator("#language").get_by_text("English").click()
    page.locator("#chat-send", has_text="Send").wait_for()
    page.screenshot(path=screenshots / "english.png")
    assert page.locator("#chat-log .message").count() == shown
    page.locator("#language").get_by_text("한국어").click()
    page.locator("#chat-send", has_text="보내기").wait_for()
