"""Under which texts the facts of the Q&A are found."""

from __future__ import annotations

from ohlora_core.content import KnowledgeRow
from ohlora_core.sentence import SentenceTask
from ohlora_core.tutor import QnaEngine
from tests.fakes import FakeEncoder, FakeGenerator, make_core


def row(term: str, text: str, *aliases: str) -> KnowledgeRow:
    return KnowledgeRow(
        id=term,
        term=term,
        text=text,
        aliases=list(aliases),
        topic="손실",
        level=1,
        questions=["회귀의 손실은 뭐야?", f"{term} 알려 줘"],
        answer="답이야!",
    )


ROWS = [
    row("평균 제곱 오차(MSE)", "오차의 제곱을 평균한 값이다.", "엠에스이"),
    row("후버 손실", "두 손실을 이어 붙인 함수이다."),
]


def indexed(by_text_only: bool) -> list[str]:
    """What is encoded for the index."""
    texts: list[str] = []

    class Listening(FakeEncoder):
        def encode(self, task, texts_of_one_call):
            assert task is SentenceTask.QNA
            texts.extend(texts_of_one_call)
            return super().encode(task, texts_of_one_call)

    QnaEngine(FakeGenerator(), Listening(), ROWS, by_text_only=by_text_only)
    return texts


def test_the_published_encoder_gets_the_facts_alone():
    assert indexed(by_text_only=True) == [row.text for row in ROWS]


def test_the_embedded_encoder_gets_names_and_questions_too():
    found_by = indexed(by_text_only=False)
    for text in ("오차의 제곱을 평균한 값이다.", "MSE", "엠에스이", "회귀의 손실은 뭐야?"):
        assert text in found_by


def test_only_the_lite_profile_finds_facts_by_their_names(tmp_path):
    encoder = FakeEncoder()
    encoder.thresholds["qna"] = 0.99  # a name is found by itself, and by no statement
    for profile, found in (("lite", True), ("v2", False), ("v4", False)):
        core = make_core(tmp_path / profile, encoder=encoder, profile=profile)
        assert bool(core.qna.find("MSE 뭐야?")) is found
        core.close()
