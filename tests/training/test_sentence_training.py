"""What the S-BERT learns from: the memory adapter and its n-grams, linear heads."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ohlora_core.content import MemoryPairRow, split_of
from ohlora_core.sentence import SentenceTask
from ohlora_core.sentence.encoder import files_of
from ohlora_core.sentence.linear import FILE as HEAD
from ohlora_core.sentence.linear import LinearHead
from ohlora_core.sentence.ngrams import FILE as NGRAMS
from ohlora_core.sentence.ngrams import NgramBag, character_ngrams, joined
from ohlora_core.training import sentence, sentence_adapters
from ohlora_core.training.sentence_calibration import pair_choices
from ohlora_core.training.sentence_corpus import (
    ChatPair,
    PublicCorpora,
    noised,
    ordinary_messages,
)
from ohlora_core.training.sentence_linear import Classified, fit_head
from ohlora_core.training.sentence_memory import MemoryTask, may_be_meant

ADAPTER = "adapter_model.safetensors"
TALK = [f"{number}번 버스 언제 오려나" for number in range(40)]


def tiny_bag() -> NgramBag:
    torch.manual_seed(1)
    return NgramBag(buckets=512, width=16).eval()


def test_ngrams_stay_within_words_and_mark_their_edges() -> None:
    ngrams = character_ngrams("나 나랑")
    assert {"나", " 나", "나 ", " 나랑", "나랑 "} <= set(ngrams)
    assert " " not in ngrams
    assert len(ngrams) == len(set(ngrams))
    assert not any("나 나" in ngram for ngram in ngrams)


@pytest.mark.parametrize("text", ["", "  ", "\ud800"])
def test_a_bag_bears_texts_of_nothing(text: str) -> None:
    assert tiny_bag()([text]).isfinite().all()


def test_shared_wording_is_near_before_training() -> None:
    vectors = tiny_bag()(["떡볶이 먹고 싶다", "떡볶이 먹고 싶어", "내일 비 온대"])
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_a_bag_is_read_as_it_was_written(tmp_path: Path) -> None:
    bag = tiny_bag()
    bag.save(tmp_path)
    assert torch.allclose(NgramBag.load(tmp_path)(TALK[:2]), bag(TALK[:2]), atol=1e-3)


def test_joined_cosine_is_the_mean_of_both() -> None:
    bag, other = tiny_bag()(TALK[:2]), torch.eye(2, 5)
    both = joined(other, bag, share=0.25)
    assert torch.allclose(both.norm(dim=1), torch.ones(2), atol=1e-5)
    assert torch.allclose(both[0] @ both[1], 0.25 * (bag[0] @ bag[1]), atol=1e-5)


def test_a_bag_learns_from_the_batches_of_a_task() -> None:
    task, bag = MemoryTask(TALK, random.Random(1)), tiny_bag()
    loss = task.loss(bag)
    loss.backward()
    assert loss.isfinite()
    assert bag.table.weight.grad is not None and bag.table.weight.grad.abs().sum() > 0


def test_memories_of_a_key_compete_only_where_the_value_is_named() -> None:
    sushi, pizza, seoul = "[좋아하는 음식: 초밥]", "[좋아하는 음식: 피자]", "[사는 곳: 서울]"
    pairs = [("초밥 먹자", sushi), ("내가 뭐 좋아한다고 했지", pizza)]
    assert may_be_meant(pairs, [pizza, seoul, sushi]).tolist() == [
        [False, False, False, False, True],
        [True, False, True, False, True],
    ]
    assert may_be_meant([], [pizza]).shape == (0, 1)


def test_pairs_become_choices() -> None:
    pairs = [
        MemoryPairRow(memory=f"[{key}: 값]", message=f"{key} {n}번 뭐였지", similarity=grade)
        for key in ("이름", "나이", "취미", "직업", "학교")
        for n, grade in enumerate((1.0, 0.6, 0.1) * 14)
    ]
    choices = pair_choices(pairs, "validation")
    held = [p for p in pairs if split_of(p.message) == "validation" and p.similarity != 0.6]
    assert len(choices) == len(held) > 0
    for (message, right, candidates), pair in zip(choices, held, strict=True):
        assert message == pair.message and candidates[0] == pair.memory
        assert right == (pair.memory if pair.similarity == 1.0 else None)
        assert len(set(candidates)) == (5 if right else 1)


def test_no_ordinary_message_is_used_twice() -> None:
    public = PublicCorpora(chat=[ChatPair(f"{n}층 어때", "좋아요", 0) for n in range(400)])
    uses = [set(ordinary_messages(public, use)) for use in ("train", "calibration", "test")]
    asked = [{text for text in texts if text.endswith("층 어때")} for texts in uses]
    assert sum(map(len, asked)) == 400 == len(set.union(*asked))
    assert all(len(texts) > 50 for texts in asked)


def test_noise_reaches_into_words_and_jamo() -> None:
    text = "사랑고백했다가차였어요"
    copies = {noised(text, random.Random(seed)) for seed in range(200)}
    assert any(" " in copy[1:-3] and copy.replace(" ", "") == text for copy in copies)
    assert all(copy.strip() for copy in copies)


class TwoTexts:
    """Wants two texts apart."""

    def loss(self, encode: Callable[[Sequence[str]], Tensor]) -> Tensor:
        vectors = encode(["하나", "둘"])
        return vectors[0] @ vectors[1]


def test_ngrams_are_trained_on_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_adapters, "_task", lambda task, public, rng: TwoTexts())
    train = sentence_adapters.train_ngrams
    train(SentenceTask.MEMORY, tmp_path, PublicCorpora(), seed=1, steps=3)
    first = NgramBag.load(tmp_path / "memory")(["하나", "둘"])
    train(SentenceTask.MEMORY, tmp_path, PublicCorpora(), seed=1, resume=True, steps=30)
    later = NgramBag.load(tmp_path / "memory")(["하나", "둘"])
    assert later[0] @ later[1] < first[0] @ first[1]
    state = torch.load(tmp_path / "memory.ngrams.checkpoint.pt", weights_only=True)
    assert state["step"] == 30


def fitted_head() -> LinearHead:
    texts = ["비가 온다", "비가 많이 온다", "눈이 온다", "눈이 쌓인다", "맑은 하늘", "하늘이 맑다"]
    labelled = [(text, number // 2, 1.0) for number, text in enumerate(texts)]
    return fit_head(Classified(["비", "눈", "맑음"], labelled), one_vector, 2**12)


def one_vector(texts: Sequence[str]) -> np.ndarray:
    return np.ones((len(texts), 4), dtype=np.float32) / 2


def test_a_head_puts_texts_near_the_name_of_their_class(tmp_path: Path) -> None:
    texts, names = ["비가 그쳤다", "눈이 녹는다", "맑고 맑은 날"], ["비", "눈", "맑음"]
    fitted_head().save(tmp_path)
    head, pooled = LinearHead.load(tmp_path), torch.from_numpy(one_vector(texts))
    shares = head(texts, pooled)
    assert torch.allclose(shares.norm(dim=1), torch.ones(3), atol=1e-5)
    assert (shares @ head(names, pooled).T).argmax(1).tolist() == [0, 1, 2]


def test_a_head_also_reads_the_vector_of_the_base() -> None:
    vectors = dict(zip("가나다", np.eye(3), strict=True))

    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.array([vectors[text[0]] for text in texts], dtype=np.float32)

    labelled = [
        (f"{name}{n}", number, 1.0) for number, name in enumerate("가나다") for n in range(5)
    ]
    head = fit_head(Classified(["가", "나", "다"], labelled), encode, 2**16)
    shares = head(["새로운 말"] * 3, torch.eye(3))
    assert shares.argmax(1).tolist() == [0, 1, 2]


def test_every_task_with_files_of_its_own_is_trained_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str) -> Callable[..., None]:
        def train(task: SentenceTask, *given: object, **more: object) -> None:
            folder = tmp_path / "work" / "adapters" / task.value
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

        return train

    for name, file in (("adapter", ADAPTER), ("head", HEAD), ("ngrams", NGRAMS)):
        monkeypatch.setattr(sentence, f"train_{name}", write(file))
    for name in ("load_public", "train_base", "export_base", "calibrate"):
        monkeypatch.setattr(sentence, name, lambda *given: None)
    options = sentence.Options(out_dir=tmp_path / "out", work_dir=tmp_path / "work")
    sentence.train(options)
    folder = tmp_path / "out" / "sentence"
    written = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    wanted = [path for path in files_of(Path()) if path.parts[0] == "adapters"]
    assert written == {path for path in wanted if path.name != "adapter_config.json"}
