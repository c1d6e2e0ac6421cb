"""Losses, noise and thresholds of the trainer."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.nn import functional

from ohlora_core.chat.memory import memory_key
from ohlora_core.sentence.formats import fact_texts, interview_answer_text, interview_next_text
from ohlora_core.training.sentence_base import contrastive_loss, cosent_loss, train_tokenizer
from ohlora_core.training.sentence_calibration import _best_shares, _best_threshold
from ohlora_core.training.sentence_corpus import noised
from ohlora_core.training.sentence_memory import mentions_value


def test_contrastive_loss_wants_the_own_partner() -> None:
    vectors = functional.normalize(torch.eye(4), dim=1)
    assert contrastive_loss(vectors, vectors) < contrastive_loss(vectors, vectors.roll(1, 0))


def test_pairs_of_one_group_are_no_negatives() -> None:
    vectors = functional.normalize(torch.ones(2, 4), dim=1)
    alone = contrastive_loss(vectors, vectors, groups=["same", "same"])
    apart = contrastive_loss(vectors, vectors, groups=[None, None])
    assert alone < 1e-4 < apart


def test_cosent_wants_the_order_of_the_grades() -> None:
    grades = torch.tensor([1.0, 0.5, 0.0])
    right = cosent_loss(torch.tensor([0.9, 0.5, 0.1]), grades)
    wrong = cosent_loss(torch.tensor([0.1, 0.5, 0.9]), grades)
    assert right < wrong


def test_noise_is_reproducible_and_keeps_some_text() -> None:
    text = "나 내일 친구랑 카페에 가기로 했어요"
    copies = [noised(text, random.Random(seed)) for seed in range(50)]
    assert copies == [noised(text, random.Random(seed)) for seed in range(50)]
    assert len(set(copies)) > 25
    assert all(copies)


def test_tokenizer_folds_case_and_long_laughs_and_knows_all_hangul() -> None:
    tokenizer = train_tokenizer(["안녕 ABC ㅋㅋ 친구랑 카페", "뷁은 없어도 자모는 있어"])
    ids = tokenizer.backend_tokenizer.encode
    assert ids("ABC ㅋㅋㅋㅋㅋ").ids == ids("abc ㅋㅋ").ids
    assert tokenizer.unk_token_id not in ids("녕아 칭구").ids


def test_threshold_lies_between() -> None:
    near, far = np.array([0.8, 0.9, 0.85]), np.array([0.1, 0.3, 0.2])
    threshold = _best_threshold(near, far, np.ones(3, dtype=bool))
    assert 0.3 < threshold < 0.8


def test_memory_parts() -> None:
    assert memory_key("[내일 일정: 친구랑 카페 방문]") == "내일 일정"
    assert mentions_value("카페 추천해 줘", "[내일 일정: 친구랑 카페 방문]")
    assert not mentions_value("내일 나 뭐 한다고 했지?", "[내일 일정: 친구랑 카페 방문]")


def test_interview_texts() -> None:
    topic = "Loss Function 관련 실무 경험"
    assert interview_answer_text(topic, "네", ["상세 경험"]) == f"{topic} -> [상세 경험] 네"
    assert interview_answer_text("LoRA", "네", ["LoRA"]) == "LoRA -> 네"
    assert interview_next_text("LoRA", "네", []) == "LoRA -> 네 (남은 답변: 모든 질문 해결 완료)"
    assert interview_next_text("LoRA", "네", ["a", "b"]).endswith("(남은 답변: a, b)")


def test_fact_texts_hold_every_name() -> None:
    texts = fact_texts(
        "크로스 엔트로피(Cross Entropy, CE)", "…은 손실이다.", ["교차 엔트로피"], ["CE?"]
    )
    assert texts[0] == "…은 손실이다."
    assert {"크로스 엔트로피", "Cross Entropy", "CE", "교차 엔트로피", "CE?", "CE 뭐야?"} <= set(
        texts
    )


def test_false_sanctions_are_spent_where_they_buy_recall() -> None:
    love = [(0.8, 0.2), (0.79, 0.2), (0.78, 0.2)]
    politics = [(0.9, 0.1), (0.85, 0.2), (0.6, 0.8)]
    assert _best_shares([love, politics], budget=2) == [0.8, 0.6]
