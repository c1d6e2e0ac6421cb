import numpy as np
import pytest

from ohlora_core.chat.expression import choose_expression, parse_expression, scores_of
from ohlora_core.chat.memory import extract_memory, parse_memory, pick_memory
from ohlora_core.chat.summary import summarise
from ohlora_core.language import Role
from ohlora_core.sentence import SentenceTask
from tests.fakes import FakeGenerator

SUMMARY_PROMPT = "안녕 (오로라 답변)응 (요약 시작)"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("labels", "eyes", "mouth", "pose"),
    [
        (("작게", "보통", "없음"), (-0.2, 0.1), (0.4, 0.8), (-0.6, 0.3)),
        (("보통", "크게", "보통"), (0.3, 0.6), (1.0, 1.4), (0.8, 1.5)),
        (("크게", "아주 크게", "많이"), (0.8, 1.1), (1.4, 1.6), (1.5, 1.8)),
        (("아주 크게", "보통", "없음"), (1.1, 1.2), (0.4, 0.8), (-0.6, 0.3)),
    ],
)
def test_scores_are_drawn_from_the_range_of_the_label_and_negated(rng, labels, eyes, mouth, pose):
    drawn = [scores_of(labels, rng) for _ in range(50)]
    for name, (low, high) in (("eyes", eyes), ("mouth", mouth), ("pose", pose)):
        values = [-getattr(chosen, name) for chosen in drawn]
        assert low <= min(values) and max(values) <= high
        assert max(values) - min(values) > 0.5 * (high - low)


def test_expression_is_asked_again_until_it_parses(rng):
    answers = iter(["", "(눈 이상, 입 보통)", " (눈 아주 크게, 입 크게, 고개 돌림 많이)"])
    generator = FakeGenerator({Role.EYES_MOUTH_POSE: lambda _: next(answers)})
    assert choose_expression(generator, "와!", rng).labels == ("아주 크게", "크게", "많이")
    assert generator.prompts[0] == (Role.EYES_MOUTH_POSE, "와! (표정 출력 시작)")


def test_expression_is_neutral_after_five_bad_answers(rng):
    generator = FakeGenerator({Role.EYES_MOUTH_POSE: "몰라"})
    assert choose_expression(generator, "와!", rng).labels == ("보통", "보통", "없음")
    assert len(generator.prompts) == 5


def test_a_foreign_label_is_no_expression():
    assert parse_expression("(눈 작게, 입 작게, 고개 돌림 없음)") is None


@pytest.mark.parametrize(
    ("answer", "memory"),
    [
        ("[내일 일정: 친구랑 카페 방문]", "[내일 일정: 친구랑 카페 방문]"),
        (" (내일 일정:친구랑  카페 방문) ", "[내일 일정: 친구랑 카페 방문]"),
        ("{이름: 지우}", "[이름: 지우]"),
        ("", ""),
        ("없음", ""),
        ("[이름: 지우] [나이: 20]", None),
        ("그냥 문장", None),
        ("[: ]", None),
    ],
)
def test_memory_answers_are_repaired_or_refused(answer, memory):
    assert parse_memory(answer) == memory


def test_memory_is_dropped_after_five_bad_answers(rng):
    generator = FakeGenerator({Role.MEMORY: "엉뚱한 말"})
    assert extract_memory(generator, "안녕 (요약 시작)", rng) is None
    assert len(generator.prompts) == 5


def test_an_empty_answer_means_nothing_to_remember(rng):
    generator = FakeGenerator({Role.MEMORY: ""})
    assert extract_memory(generator, "안녕 (요약 시작)", rng) is None
    assert len(generator.prompts) == 1


def test_the_best_memory_is_picked_only_above_the_threshold(encoder):
    memories = ["[이름: 지우]", "[내일 일정: 카페 방문]"]
    key = (SentenceTask.MEMORY, "내일 뭐 하지", memories[1])
    encoder.overrides = {key: 0.49}
    assert pick_memory(encoder, "내일 뭐 하지", memories) is None
    encoder.overrides = {key: 0.5}
    assert pick_memory(encoder, "내일 뭐 하지", memories) == memories[1]
    assert pick_memory(encoder, "내일 뭐 하지", []) is None


def test_unusable_summaries_are_emptied_after_three_tries(rng):
    generator = FakeGenerator({Role.SUMMARY: "(사용자 질문) 새는 요약"})
    assert summarise(generator, SUMMARY_PROMPT, rng) == ""
    assert len(generator.prompts) == 3
    generator = FakeGenerator({Role.SUMMARY: "인사 나눔"})
    assert summarise(generator, SUMMARY_PROMPT, rng) == "인사 나눔"
    assert generator.prompts == [(Role.SUMMARY, SUMMARY_PROMPT)]
