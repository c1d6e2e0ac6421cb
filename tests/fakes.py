"""Fakes behind the real interfaces, so that unit tests need no weights."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ohlora_core.core import Core
from ohlora_core.errors import UnknownFaceError
from ohlora_core.face import Expression, HairStyle
from ohlora_core.language import ROLE_FORMATS, Role
from ohlora_core.sentence import SentenceTask
from ohlora_core.settings import Settings
from ohlora_core.store import Store

Answer = str | Callable[[str], str]

DEFAULT_ANSWERS: dict[Role, Answer] = {
    Role.OUTPUT_MESSAGE: "안녕! 나는 오로라야 😊",
    Role.MEMORY: "",
    Role.SUMMARY: "인사",
    Role.EYES_MOUTH_POSE: "(눈 크게, 입 크게, 고개 돌림 없음)",
    Role.QNA: "손실 함수는 예측과 정답의 차이를 재는 함수야!",
    Role.QUIZ: "핵심은 잘 잡았어!",
    Role.INTERVIEW: "좋아, 다음 질문이야.",
}


class FakeGenerator:
    """Answers each role with a fixed text or a function of the prompt; remembers the prompts.

    Attributes:
        one_base: What `share_base` says.
        batches: The roles of each `generate_mixed`.
        seeds: The seeds that came with them, by role.
    """

    example_count = 0
    one_base = True

    def __init__(self, answers: dict[Role, Answer] | None = None, delay_s: float = 0.0) -> None:
        self.answers = DEFAULT_ANSWERS | (answers or {})
        self.prompts: list[tuple[Role, str]] = []
        self.batches: list[list[Role]] = []
        self.seeds: dict[Role, list[int | None]] = {role: [] for role in Role}
        self.delay_s = delay_s

    def stream(
        self,
        role: Role,
        prompt: str,
        *,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[str]:
        for piece in self._answer(role, prompt).split(" "):
            if cancel and cancel.is_set():
                return
            time.sleep(self.delay_s)
            yield piece + " "

    def generate(
        self,
        role: Role,
        prompts: Sequence[str],
        *,
        temperature: float | None = None,
        seed: int | None = None,
        greedy: bool = False,
    ) -> list[str]:
        return [self._answer(role, prompt) for prompt in prompts]

    def share_base(self, *roles: Role) -> bool:
        return self.one_base

    def generate_mixed(
        self, requests: Sequence[tuple[Role, str]], *, seeds: Sequence[int | None] = ()
    ) -> Iterator[str]:
        self.batches.append([role for role, _ in requests])
        for (role, prompt), seed in itertools.zip_longest(requests, seeds):
            self.seeds[role].append(seed)
            yield self._answer(role, prompt)

    def sample_candidates(
        self,
        role: Role,
        prompt: str,
        n: int,
        *,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> list[str]:
        return self.generate(role, [prompt] * n)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def prompts_of(self, role: Role) -> list[str]:
        return [prompt for asked, prompt in self.prompts if asked == role]

    def _answer(self, role: Role, prompt: str) -> str:
        assert prompt.endswith(ROLE_FORMATS[role].start_mark)
        self.prompts.append((role, prompt))
        answer = self.answers[role]
        return answer(prompt) if callable(answer) else answer


class FakeEncoder:
    """Bags of character pairs as vectors, with an override per task and pair of texts."""

    fingerprint = "fake"

    def __init__(self) -> None:
        self.overrides: dict[tuple[SentenceTask, str, str], float] = {}
        self.thresholds = {"memory": 0.5, "qna": 0.5, "ethics.general": 0.5}

    def encode(self, task: SentenceTask, texts: Sequence[str]) -> np.ndarray:
        vectors = np.full((len(texts), 512), 1e-6, dtype=np.float32)
        for row, text in enumerate(texts):
            for pair in itertools.pairwise(text):
                digest = hashlib.blake2b("".join(pair).encode(), digest_size=2).digest()
                vectors[row, int.from_bytes(digest, "big") % 512] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def similarity(self, task: SentenceTask, a: str, candidates: Sequence[str]) -> np.ndarray:
        vectors = self.encode(task, [a, *candidates])
        cosines = vectors[1:] @ vectors[0]
        for place, candidate in enumerate(candidates):
            cosines[place] = self.overrides.get((task, a, candidate), cosines[place])
        return cosines

    def threshold(self, name: str) -> float:
        return self.thresholds.get(name, 0.9)


class FakeFace:
    """Draws the expression as grey levels: eyes above, mouth in the middle, hue below."""

    fingerprint = "fake"

    def face_numbers(self) -> list[int]:
        return [1, 2, 3]

    def render(
        self,
        face: int,
        expressions: Sequence[Expression],
        hair: HairStyle | None = None,
        phases: Sequence[float] | None = None,
    ) -> np.ndarray:
        if face not in self.face_numbers():
            raise UnknownFaceError(face, self.face_numbers())
        frames = np.zeros((len(expressions), 256, 256, 3), dtype=np.uint8)
        now = time.time()
        for place, (frame, expression) in enumerate(zip(frames, expressions, strict=True)):
            frame[:150] = int(np.clip(128 - 60 * expression.eyes, 0, 255))
            frame[150:210] = int(np.clip(128 - 60 * expression.mouth, 0, 255))
            frame[210:] = (int(now * 40 + place * 5) % 256, 80, 160)
        return frames

    def idle_loop(
        self,
        face: int,
        hair: HairStyle | None,
        cache_dir: Path,
        pause: Callable[[], None] = lambda: None,
    ) -> Path:
        from PIL import Image

        pause()

        cache_dir.mkdir(parents=True, exist_ok=True)
        path = cache_dir / f"fake-{face}.webp"
        if not path.exists():
            frames = [
                Image.fromarray(frame)
                for frame in self.render(face, [Expression(0.2, 1.0, 0.0)] * 3)
            ]
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=42, loop=0)
        return path


def make_settings(folder: Path, **changes: object) -> Settings:
    """Settings that read no .env and keep everything in `folder`."""
    return Settings(_env_file=None, data_dir=folder, seed=1, **changes)  # type: ignore[arg-type]


def make_core(
    folder: Path,
    generator: FakeGenerator | None = None,
    encoder: FakeEncoder | None = None,
    **changes: object,
) -> Core:
    """A core on fakes with an empty database in `folder`."""
    settings = make_settings(folder, **changes)
    settings.prepare_data_dir()
    store = Store(settings.effective_database_url)
    face = FakeFace()
    return Core(settings, generator or FakeGenerator(), encoder or FakeEncoder(), face, store)  # type: ignore[arg-type]
