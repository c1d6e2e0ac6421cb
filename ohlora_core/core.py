"""Loads each model once and opens a `Session` per user: the only thing the page talks to."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import WeakSet

import numpy as np

from ohlora_core import __version__, language, sentence
from ohlora_core.chat import NO_REPLY, ChatAids, ChatEngine
from ohlora_core.content import load_interview, load_knowledge, load_quiz
from ohlora_core.errors import (
    NotEnoughMemoryError,
    OhLoraError,
    SettingsError,
    UnknownFaceError,
)
from ohlora_core.ethics import EthicsGuard
from ohlora_core.events import Event, ExpressionChosen, FrameBatch, TurnDone
from ohlora_core.face import (
    BASE,
    FPS,
    Expression,
    FacePipeline,
    HairStyle,
    encode_jpeg,
)
from ohlora_core.face.animation import MAX_REPLY_FRAMES
from ohlora_core.face.stream import ReplyFrames
from ohlora_core.face.thumbnail import make_thumbnail
from ohlora_core.hub import Hub
from ohlora_core.hub.manifest import (
    Profile,
    language_sources,
    sentence_sources,
)
from ohlora_core.language import TextGenerator
from ohlora_core.sentence import SentenceEncoder
from ohlora_core.session import Preferences, Session, UserLock
from ohlora_core.settings import Settings
from ohlora_core.store import Store
from ohlora_core.tutor import Interviewer, QnaEngine, QuizMaster

__all__ = [
    "Core",
    "Performance",
    "Preferences",
    "ProfileChoice",
    "Session",
    "choose_profile",
    "load_aids",
    "load_encoder",
    "load_generator",
]

logger = logging.getLogger(__name__)

LITE_CHAT_CHARACTERS = 80
CHAT_TOKENS = {"v2": 48, "v4": 40}
FULL_PROFILES: tuple[Profile, ...] = ("v4", "v2")
"""Best first."""
POLL_S = 0.03
BACKGROUND_THREADS = 8
"""As many as turns run at once: each chooses its expression in one, and is waited for."""
SMALL_MODEL_THREADS = 1
"""Of each thread that runs a lite model: in so small models more wait for one another, the more so
beside the face (the first text came after 0.61 s with two on two cores, after 0.35 s with one)."""
T = TypeVar("T")


@dataclass(frozen=True)
class Performance:
    """What she does after a reply. To be closed by whoever leaves before the end.

    Attributes:
        expression: What is being chosen.
        finished: The end of the turn.
        frames: None: she does not move.
    """

    expression: Future[ExpressionChosen]
    finished: Future[TurnDone]
    frames: ReplyFrames | None = None

    def events(self) -> Iterator[Event]:
        """The frames, the expression once it is known, and the end of the turn."""
        shown = 0
        told = False
        for jpegs in self.frames or ():
            if shown and not told and self.expression.done():
                yield self.expression.result()
                told = True
            shown += len(jpegs)
            yield FrameBatch(jpegs)
        if not told:
            yield self.expression.result()
        yield replace(self.finished.result(), frames=shown)

    def close(self) -> None:
        """Stop the frames; the end of the turn comes all the same."""
        if self.frames:
            self.frames.close()


@dataclass(frozen=True)
class ProfileChoice:
    """Which language models run.

    Attributes:
        name: The profile.
        lack: What keeps "auto" from the best profile, if anything does.
    """

    name: Literal["lite", "v2", "v4"]
    lack: Literal["gpu", "models", "memory"] | None = None


def choose_profile(settings: Settings) -> ProfileChoice:
    """The profile of the settings; in place of "auto" the best one that can run here.

    That is v4, else v2, where there is a CUDA GPU with enough free memory and every model of it has
    been fetched, else lite. The log says why.

    Raises:
        SettingsError: if 4-bit weights are asked for and not possible on this GPU.
    """
    if settings.profile != "auto":
        return ProfileChoice(settings.profile)
    import torch

    if not torch.cuda.is_available():
        logger.info("profile auto: lite, since there is no CUDA GPU")
        return ProfileChoice("lite", "gpu")
    from ohlora_core.language.full import plan_full

    lack: Literal["models", "memory"] | None = None
    for profile in FULL_PROFILES:
        tried = settings.model_copy(update={"profile": profile})
        sources, local = language_sources(profile), Hub(tried).local
        try:
            plan_full(profile, sources, local, four_bit=settings.four_bit)
            check_encoder(tried)
        except SettingsError:
            raise
        except OhLoraError as error:
            logger.info("profile auto: not %s: %s", profile, error.english)
            lack = lack or ("memory" if isinstance(error, NotEnoughMemoryError) else "models")
        else:
            logger.info("profile auto: %s, on %s", profile, torch.cuda.get_device_name())
            return ProfileChoice(profile, lack)
    logger.info("profile auto: lite, since no other one can run here")
    return ProfileChoice("lite", lack)


def load_generator(settings: Settings) -> TextGenerator:
    """The language models of the profile, or the server that runs them.

    Raises:
        MissingModelError: if a full model is asked for and not here.
        ModelFileError: if a model file is missing or broken.
        LlmServerError: if the server cannot be used.
    """
    if settings.llm_url:
        return language.load_remote(settings)
    profile = choose_profile(settings).name
    if profile == "lite":
        return language.load_lite(settings.models_dir)
    from ohlora_core.language.full import load_full

    local = Hub(settings).local
    return load_full(profile, language_sources(profile), local, four_bit=settings.four_bit)


def load_encoder(settings: Settings) -> SentenceEncoder:
    """The S-BERTs of the profile; raises as `load_generator` does."""
    profile = choose_profile(settings).name
    if profile == "lite":
        return sentence.load_lite(settings.models_dir)
    local = Hub(settings).local
    return sentence.load_published(sentence_sources(profile), local, settings.models_dir)


def load_aids(settings: Settings, generator: TextGenerator) -> ChatAids | None:
    """What helps small language models; None for others.

    Raises:
        ModelFileError: if a file is missing or broken.
    """
    return ChatAids.load(settings.models_dir) if generator.example_count else None


def check_encoder(settings: Settings) -> None:
    """See that the files of the S-BERTs are here before the weights of others take minutes.

    Raises as `load_encoder`.
    """
    profile = choose_profile(settings).name
    if profile == "lite":
        sentence.check_lite(settings.models_dir)
        return
    local = Hub(settings).local
    sentence.check_published(sentence_sources(profile), local, settings.models_dir)


class Core:
    """The models, the store and what is made of them.

    Args:
        settings: All settings.
        generator: The language models of the profile.
        encoder: The S-BERTs of the profile.
        face: The face pipeline.
        store: Where user state is kept.
        lack: What kept profile "auto" from the best one; see `ProfileChoice`.
        aids: What helps the language models of the profile, if they are small.
    """

    def __init__(
        self,
        settings: Settings,
        generator: TextGenerator,
        encoder: SentenceEncoder,
        face: FacePipeline,
        store: Store,
        lack: str | None = None,
        aids: ChatAids | None = None,
    ) -> None:
        self.settings = settings
        self.lack = lack
        self.store = store
        self.face = face
        self.guard = EthicsGuard(encoder)
        cache = settings.data_dir / "cache"
        self.chat = ChatEngine(generator, encoder, cache, aids=aids)
        self.qna = QnaEngine(
            generator,
            encoder,
            load_knowledge(),
            cache / "knowledge.safetensors",
            by_text_only=settings.profile != "lite",
        )
        self.quiz = QuizMaster(generator, encoder, load_quiz())
        self.interviewer = Interviewer(generator, encoder, load_interview())
        self._pool = ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix="ohlora")
        self._replies: WeakSet[ReplyFrames] = WeakSet()
        self._replies_guard = threading.Lock()
        self._locks: dict[str, UserLock] = {}
        self._locks_guard = threading.Lock()
        self.check_face(self.default_face)
        self._rng = np.random.default_rng(settings.seed)

    @classmethod
    def load(cls, settings: Settings) -> Core:
        """Load every model that the settings name.

        Raises:
            MissingModelError: if a full model is asked for and not here.
            ModelFileError: if a model file is missing or broken.
            LlmServerError: if a server of language models cannot be used.
            UnknownFaceError: if the settings name a face that is not offered.
            DataFolderError: if the data folder cannot be written.
        """
        import torch

        if settings.threads:
            torch.set_num_threads(settings.threads)
        settings.prepare_data_dir()
        choice = choose_profile(settings)
        settings = settings.model_copy(update={"profile": choice.name})
        face = FacePipeline(settings.models_dir, settings.face, settings.downloads_dir)
        check_encoder(settings)  # before the language models, which take minutes
        generator = load_generator(settings)
        encoder = load_encoder(settings)
        aids = load_aids(settings, generator)
        store = Store(settings.effective_database_url)
        core = cls(settings, generator, encoder, face, store, choice.lack, aids)
        if not settings.threads and settings.profile == settings.face == "lite":
            torch.set_num_threads(SMALL_MODEL_THREADS)  # of threads that begin from now on
        return core

    def session(self, user_id: str) -> Session:
        """The conversation of one user."""
        return Session(self, user_id)

    def health(self) -> dict[str, Any]:
        """What runs here, for /health."""
        return {
            "profile": self.settings.profile,
            "face": f"{self.settings.face} #{self.default_face}",
            "models": ["language", "sentence", "face"],
            "version": __version__,
        }

    def local_now(self) -> datetime:
        """The present time in the time zone of the settings."""
        return datetime.now(self.settings.time_zone)

    def is_too_long_for_chat(self, message: str) -> bool:
        """Whether a chat message is over the limit of the profile (system.md 2.2)."""
        if self.settings.profile == "lite":
            return len(message) > LITE_CHAT_CHARACTERS
        return self.chat.is_too_long(message, CHAT_TOKENS[self.settings.profile])

    # face
    def perform(
        self,
        reply: str,
        preferences: Preferences,
        finish: Callable[[Callable[[ExpressionChosen], None]], TurnDone],
    ) -> Performance:
        """Begin what follows a complete reply: its frames at once, beside them the other models.

        finish: The end of the turn, which also runs if nobody waits for it. It gets a function to
            call with the expression, as soon as that is chosen.
        """
        expression: Future[ExpressionChosen] = Future()

        def work() -> TurnDone:
            try:
                return finish(expression.set_result)
            except BaseException as error:
                if not expression.done():
                    expression.set_exception(error)
                raise

        finished = self.background(work)
        if not preferences.animation:
            return Performance(expression, finished)
        said = "" if reply == NO_REPLY else reply
        return Performance(expression, finished, self.reply_frames(expression, said, preferences))

    @property
    def default_face(self) -> int:
        """What a new user sees first: the face of the settings, else the first offered one."""
        number = self.settings.face_number
        return self.face.face_numbers()[0] if number is None else number

    def check_face(self, number: int) -> None:
        """Raises UnknownFaceError, listing the valid numbers, if there is no such face."""
        valid = self.face.face_numbers()
        if number not in valid:
            raise UnknownFaceError(number, valid)

    def reply_frames(
        self, expression: Future[ExpressionChosen], text: str, preferences: Preferences
    ) -> ReplyFrames:
        """Batches of JPEG frames of the animation of one reply (system.md section 4).

        Rendering begins at once and does not wait for the expression. Her mouth says the text.
        """

        def target(timeout_s: float) -> Expression | None:
            if not wait([expression], timeout_s).done:
                return None
            chosen = expression.result()
            return Expression(chosen.eyes, chosen.mouth, chosen.pose)

        hair = HairStyle(preferences.hair, preferences.hue)
        seed = int(self._rng.integers(2**31))
        frames = ReplyFrames(self.face, encode_jpeg, preferences.face, hair, text, target, seed)
        with self._replies_guard:
            self._replies.add(frames)
        return frames

    def picture(
        self, preferences: Preferences, eyes: float, mouth: float, pose: float
    ) -> np.ndarray:
        """One frame [256, 256, 3] uint8 RGB with the given scores (system.md section 4).

        Scores outside their limits are clipped.

        Raises:
            UnknownFaceError: if there is no such face.
            ScoreError: if a score is NaN.
        """
        self.check_face(preferences.face)
        hair = HairStyle(preferences.hair, preferences.hue)
        expression = Expression(eyes, mouth, pose).clipped()
        return self.face.render(preferences.face, [expression], hair)[0]

    def still(self, preferences: Preferences) -> bytes:
        """The resting face as one JPEG."""
        return encode_jpeg(self.picture(preferences, BASE.eyes, BASE.mouth, BASE.pose))

    def idle_loop(self, preferences: Preferences) -> Path:
        """The resting face as an animated WebP, made on first use; replies go first."""
        hair = HairStyle(preferences.hair, preferences.hue)
        return self.face.idle_loop(preferences.face, hair, self._face_cache, self._wait_for_replies)

    def _wait_for_replies(self) -> None:
        """Return when no reply is being rendered, or after the longest reply."""
        deadline = time.monotonic() + MAX_REPLY_FRAMES / FPS
        time.sleep(POLL_S)
        while time.monotonic() < deadline and self._is_replying():
            time.sleep(POLL_S)

    def _is_replying(self) -> bool:
        with self._replies_guard:
            return any(frames.is_rendering for frames in self._replies)

    def thumbnail(self, number: int) -> Path:
        """A small WebP of a face for the gallery, made on first use.

        Raises:
            UnknownFaceError: if there is no such face.
        """
        self.check_face(number)
        return make_thumbnail(self.face, number, self._face_cache)

    @property
    def _face_cache(self) -> Path:
        return self.settings.data_dir / "cache" / "faces"

    @property
    def face_version(self) -> str:
        """Changes whenever the pictures would; for addresses that browsers may cache."""
        return hashlib.sha256(self.face.fingerprint.encode()).hexdigest()[:8]

    # threads
    def user_lock(self, user_id: str) -> UserLock:
        with self._locks_guard:
            return self._locks.setdefault(user_id, UserLock())

    def background(self, work: Callable[[], T]) -> Future[T]:
        """Run work that must finish even if nobody waits for it."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Wait for background work and close the store."""
        self._pool.shutdown(wait=True)
        self.store.close()
