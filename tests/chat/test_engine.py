from datetime import datetime

from ohlora_core.chat import ChatEngine
from tests.fakes import FakeEncoder, FakeGenerator

NOW = datetime(2026, 11, 21, 13)


def test_prompts_without_examples_are_those_of_the_spec():
    engine = ChatEngine(FakeGenerator(), FakeEncoder())
    read = engine.read("내일 뭐 해", [], "인사", NOW)
    final = "(오로라 답변 요약) 인사 (사용자 질문) (지금은 토요일 오후) 내일 뭐 해"
    assert read.reply_prompt == f"{final} (답변 시작)"
    assert read.memory_prompt == f"{final} (요약 시작)"
    assert read.summary_prompt("응") == f"{final} (오로라 답변)응 (요약 시작)"


def test_a_model_that_wants_examples_reads_similar_turns_in_every_prompt():
    generator = FakeGenerator()
    generator.example_count = 3
    read = ChatEngine(generator, FakeEncoder()).read("배고파", [], "", NOW)
    assert len(read.examples) == 3
    nearest = read.examples[-1]
    assert read.reply_prompt.endswith(f"(답변) {nearest.reply} 배고파 (답변 시작)")
    assert read.reply_prompt.count("(예시)") == 3
    assert read.summary_prompt("응").endswith(
        f"(답변) {nearest.new_summary} 배고파 (오로라 답변)응 (요약 시작)"
    )
