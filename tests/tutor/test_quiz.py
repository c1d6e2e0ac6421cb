import numpy as np
import pytest

from ohlora_core.content import GradedAnswer, QuizRow
from ohlora_core.errors import UnknownQuizError
from ohlora_core.sentence import SentenceTask
from ohlora_core.store import Store
from ohlora_core.tutor.quiz import QuizMaster, predicted_score, to_grade
from tests.fakes import FakeEncoder, FakeGenerator


def row(quiz_id: str, topic: str, *keywords: str) -> QuizRow:
    samples = [GradedAnswer(answer=f"답{k}", score=k / 3, explanation="해설") for k in range(4)]
    return QuizRow(
        id=quiz_id,
        topic=topic,
        question=f"{quiz_id}?",
        keywords=list(keywords),
        key_points=["핵심"],
        model_answer=f"{quiz_id} 정답",
        samples=samples,
    )


ROWS = [
    row("mse", "손실", "손실", "회귀"),
    row("mae", "손실", "손실", "회귀", "절댓값"),
    row("bce", "손실", "손실", "분류"),
    row("svm", "분류", "마진", "커널"),
]


@pytest.fixture
def quiz():
    return QuizMaster(FakeGenerator(), FakeEncoder(), ROWS)


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'test.sqlite3'}")


def next_id(quiz, store, seed=0):
    with store.transaction() as transaction:
        return quiz.next_question(transaction, "me", np.random.default_rng(seed)).row.id


def record(quiz, store, quiz_id, status="answered", score=None):
    with store.transaction() as transaction:
        quiz.record(transaction, "me", quiz_id, status, "답", score)


@pytest.mark.parametrize(
    ("cosine", "grade"), [(-0.3, 0.0), (0.024, 0.0), (0.026, 0.05), (0.974, 0.95), (1.0, 1.0)]
)
def test_grades_are_steps_of_five_points(cosine, grade):
    assert to_grade(cosine) == pytest.approx(grade)


def test_the_prediction_is_the_formula_of_the_spec():
    answered = [(["손실", "회귀"], 0.2), (["마진", "커널"], 1.0)]
    overlap = 2 / 3
    expected = (0.25 * 0.6 + overlap * 0.2) / (0.25 + overlap)
    assert predicted_score(["손실", "회귀", "절댓값"], answered) == pytest.approx(expected)


def test_the_first_question_is_random(quiz, store):
    assert len({next_id(quiz, store, seed) for seed in range(20)}) == 4


def test_the_weakest_prediction_comes_next_and_ties_go_to_the_first(quiz, store):
    record(quiz, store, "mse", score=0.1)
    assert next_id(quiz, store) == "mae"
    record(quiz, store, "mae", score=1.0)
    record(quiz, store, "svm", score=1.0)
    assert next_id(quiz, store) == "bce"


def test_a_skipped_question_waits_until_the_others_are_answered(quiz, store):
    record(quiz, store, "mse", status="skipped")
    for quiz_id in ("mae", "bce", "svm"):
        assert next_id(quiz, store) != "mse"
        record(quiz, store, quiz_id, score=0.5)
    assert next_id(quiz, store) == "mse"


def test_a_new_round_starts_from_the_weakest(quiz, store):
    for quiz_id, score in (("mse", 0.9), ("mae", 0.8), ("bce", 0.1), ("svm", 0.4)):
        record(quiz, store, quiz_id, score=score)
    with store.transaction() as transaction:
        assert quiz.is_round_over(transaction, "me")
        results = {result.topic: result for result in quiz.results(transaction, "me")}
    assert results["손실"].mean_score == pytest.approx(0.6)
    assert (results["분류"].answered, results["분류"].total) == (1, 1)
    assert next_id(quiz, store) == "bce"
    with store.transaction() as transaction:
        assert not quiz.is_round_over(transaction, "me")


def test_a_void_question_leaves_the_round(quiz, store):
    record(quiz, store, "svm", status="void")
    with store.transaction() as transaction:
        assert [result.topic for result in quiz.results(transaction, "me")] == ["손실"]


def test_the_grade_compares_with_the_model_answer(quiz):
    assert quiz.grade(ROWS[0], "mse 정답") == 1.0
    quiz._encoder.overrides[(SentenceTask.QUIZ, "글쎄", "mse 정답")] = 0.33
    assert quiz.grade(ROWS[0], "글쎄") == pytest.approx(0.35)


def test_an_unknown_id_says_what_to_do(quiz):
    with pytest.raises(UnknownQuizError, match="quiz_next"):
        quiz.row("없는 문제")
