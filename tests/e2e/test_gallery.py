"""Choosing a face in a real browser; the models behind the page are fakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ohlora_core.core import Core
from ohlora_core.web.identity import Identity
from ohlora_core.web.launch import launch_options
from ohlora_core.web.page import build_page
from tests.fakes import make_core

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PATIENCE_MS = 120_000
CHOSEN = "document.querySelector('.gallery-list input:checked')?.value"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, str]]:
    core = make_core(tmp_path_factory.mktemp("gallery"))
    blocks = build_page(core, Identity.of(core.settings))
    _, url, _ = blocks.launch(**launch_options(core) | {"server_port": None})
    yield core, url
    blocks.close()
    core.close()


def open_page(browser, url, **options):
    page = browser.new_context(locale="ko-KR", **options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.loops = []
    page.on(
        "request", lambda asked: page.loops.append(asked.url) if "loop.webp" in asked.url else 0
    )
    page.goto(url, timeout=PATIENCE_MS)
    page.wait_for_selector(".face-rest.shown")
    return page


@pytest.fixture(scope="module")
def page(browser, served):
    page = open_page(browser, served[1])
    yield page
    page.context.close()


def open_gallery(page):
    if not page.evaluate("document.body.classList.contains('drawer-open')"):
        page.click("#settings-open")
    page.wait_for_selector(".gallery-list .drawn")


def wait_for_face(page, number):
    """Until header, panel and gallery name a face, and its loop plays."""
    page.wait_for_function(
        "number => [...document.querySelectorAll('.face-number')]"
        ".every(shown => shown.textContent === `#${number}`)",
        arg=number,
    )
    page.wait_for_function(f"number => {CHOSEN} === String(number)", arg=number)
    page.wait_for_selector(".face[data-loop=yes]")
    assert f"face/{number}/loop.webp" in page.loops[-1]


def test_thumbnails_come_when_the_drawer_opens(page):
    assert page.locator(".gallery-list .drawn").count() == 0
    open_gallery(page)
    page.wait_for_function("document.querySelectorAll('.gallery-list .drawn').length === 3")
    sizes = "[...document.querySelectorAll('.gallery-list img')].map(image => image.naturalWidth)"
    assert page.evaluate(sizes) == [160, 160, 160]
    assert page.locator(".gallery-number").all_inner_texts() == ["1", "2", "3"]
    assert "lite" in page.locator(".brand").inner_text()


def test_a_click_changes_panel_header_and_loop(page):
    open_gallery(page)
    page.click(".gallery-list label:nth-child(3)")
    wait_for_face(page, 3)


def test_the_keyboard_chooses_and_every_card_has_a_name(page):
    open_gallery(page)
    page.click(".gallery-list label:nth-child(3)")
    wait_for_face(page, 3)
    page.focus(".gallery-list input:checked")
    page.keyboard.press("ArrowLeft")
    wait_for_face(page, 2)
    assert page.get_by_role("radio", name="2번 얼굴").is_checked()


def test_the_choice_is_remembered(page, served):
    chosen = int(page.evaluate(CHOSEN))
    page.reload()
    page.wait_for_selector(".face-rest.shown")
    wait_for_face(page, chosen)


def test_a_face_that_is_gone_is_told_with_the_valid_numbers(page, served, monkeypatch):
    open_gallery(page)
    page.click(".gallery-list label:nth-child(2)")
    wait_for_face(page, 2)
    monkeypatch.setattr(served[0].face, "face_numbers", lambda: [1, 2])
    page.click(".gallery-list label:nth-child(3)")
    page.wait_for_selector(".gallery-note >> text=1, 2")
    page.wait_for_function(f"{CHOSEN} === '2'")
    assert page.locator("figcaption .face-number").inner_text() == "#2"


def test_hair_and_stillness_reach_the_panel(page):
    open_gallery(page)
    with page.expect_request(lambda asked: "loop.webp?hair=natural" in asked.url):
        page.click("#settings-hair label:nth-of-type(3)")
    page.wait_for_selector(".face[data-loop=yes]")
    asked = len(page.loops)
    page.click("#settings-animation label")
    page.wait_for_function("document.querySelector('.face').dataset.loop === 'no'")
    page.wait_for_timeout(500)
    assert len(page.loops) == asked


def test_reduced_motion_starts_still(browser, served):
    page = open_page(browser, served[1], reduced_motion="reduce")
    page.wait_for_timeout(1000)
    assert page.loops == []
    page.fill("#chat-box textarea", "안녕?")
    page.click("#chat-send")
    page.wait_for_selector("#chat-log .message.her[data-state=done]")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.ohlora.player.painted") == 0
    page.context.close()
