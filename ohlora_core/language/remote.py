"""Runs the language models on servers that speak the OpenAI completions protocol, such as vLLM.

A role is a model name on a server; several servers can share the roles, since models of different
bases do not fit into one. Every answer is a request of its own: servers batch what comes together
and keep the prompt that they read last, not all of them take several prompts at once, and those
that do give the same answer to the same prompt under one seed.

Knows nothing of prompts: it completes the text that it is given.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    OpenAI,
    OpenAIError,
    PermissionDeniedError,
    Timeout,
)

from ohlora_core.errors import (
    LlmGoneError,
    LlmKeyError,
    LlmModelError,
    LlmServerError,
    LlmUnreachableError,
    SettingsError,
)
from ohlora_core.language.full import FULL_SETTINGS
from ohlora_core.language.local import LITE_ROLES, GenerationSettings, read_settings
from ohlora_core.language.roles import ROLE_FORMATS, Role
from ohlora_core.language.streaming import AnswerText
from ohlora_core.settings import Settings

__all__ = ["RemoteGenerator", "ServedModel", "estimate_tokens", "load_remote"]

logger = logging.getLogger(__name__)

CONNECT_S = 5.0
RETRIES = 2
"""Of a request that no answer has begun to: connection errors, 408, 409, 429 and 5xx."""
REQUESTS_AT_ONCE = 16
CHARACTERS_PER_TOKEN = 2
LITE_OPENING = "<s>"
LONGEST_DETAIL = 200
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class ServedModel:
    """Where the model of a role is served.

    Attributes:
        url: Address of the server, without /v1.
        name: Name of the model there.
    """

    url: str
    name: str


class RemoteGenerator:
    """A `TextGenerator` over completion servers.

    What goes wrong is raised as `LlmServerError`: `LlmUnreachableError`, `LlmKeyError`,
    `LlmModelError`, or `LlmGoneError` once an answer has begun.

    Args:
        models: Where each role is served.
        key: Key of the servers, if they ask for one.
        timeout_s: Longest silence of a server in seconds.
        settings: How the models want to be used. Of it count `example_count`, `temperatures` and
            `top_p`; the rest needs the tokens, or is set at the server (top_k).
        opening: Text of the token that every prompt begins with, where the tokenizer of the server
            does not add one by itself.
    """

    def __init__(
        self,
        models: Mapping[Role, ServedModel],
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        settings: GenerationSettings | None = None,
        opening: str = "",
    ) -> None:
        self._models = models
        self._opening = opening
        self._settings = settings or GenerationSettings()
        timeout = Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        self._clients = {
            # Without a key the client would take that of api.openai.com from the environment.
            url: OpenAI(
                base_url=f"{url}/v1", api_key=key or "none", timeout=timeout, max_retries=RETRIES
            )
            for url in {model.url for model in models.values()}
        }
        self._server_counts = True

    @property
    def example_count(self) -> int:
        """How many retrieved dialogue examples go before the final input."""
        return self._settings.example_count

    def check(self) -> None:
        """Ask every role for one token, so that a wrong setting is found before the first turn."""

        def ask(role: Role) -> None:
            for _ in self._pieces(role, ROLE_FORMATS[role].start_mark, max_tokens=1):
                pass

        list(_in_parallel(ask, self._models))

    def stream(
        self,
        role: Role,
        prompt: str,
        *,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[str]:
        """Deltas of one sampled answer; see `TextGenerator.stream`.

        Args:
            role: Chooses server, model, end mark, length and default temperature.
            prompt: Text up to and including the start mark.
            temperature: 0 takes the most probable token each time.
            seed: The same seed, prompt and server give the same answer as far as the server can;
                None is random.
            cancel: Once set, the stream ends before the next piece. However it ends, the
                connection is closed, and the server stops.
        """
        answer = AnswerText(ROLE_FORMATS[role].end_mark)
        decoded = ""
        with closing(self._pieces(role, prompt, temperature, seed)) as pieces:
            for piece in pieces:
                decoded += piece
                if delta := answer.update(decoded):
                    yield delta
                if answer.finished or (cancel is not None and cancel.is_set()):
                    return
        if delta := answer.close(decoded):
            yield delta

    def generate(
        self,
        role: Role,
        prompts: list[str],
        *,
        temperature: float | None = None,
        seed: int | None = None,
        greedy: bool = False,
    ) -> list[str]:
        """One answer for each prompt, asked for side by side; see `TextGenerator.generate`."""
        heat = 0.0 if greedy else temperature

        def answer(asked: tuple[str, int | None]) -> str:
            return "".join(self.stream(role, asked[0], temperature=heat, seed=asked[1]))

        return list(_in_parallel(answer, zip(prompts, _seeds(seed, len(prompts)), strict=True)))

    def share_base(self, *roles: Role) -> bool:
        """Always: whatever bases the servers have, they work side by side, and batch."""
        return True

    def generate_mixed(
        self, requests: Sequence[tuple[Role, str]], *, seeds: Sequence[int | None] = ()
    ) -> Iterator[str]:
        """One answer for each (role, prompt), asked for side by side.

        They come in the order of the requests: a server that is slow, or goes away, keeps back no
        answer before its own.

        Args:
            requests: Role and prompt of each answer.
            seeds: Seed of each answer; none given: random.
        """

        def answer(asked: tuple[tuple[Role, str], int | None]) -> str:
            (role, prompt), seed = asked
            return "".join(self.stream(role, prompt, seed=seed))

        return _in_parallel(answer, zip_longest(requests, seeds))

    def sample_candidates(
        self,
        role: Role,
        prompt: str,
        n: int,
        *,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """`n` sampled answers to one prompt, in the order of their seeds."""
        return self.generate(role, [prompt] * n, temperature=temperature, seed=seed)

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens of the reply model, without begin and end tokens.

        Counted by the server if it has vLLM's /tokenize, else estimated.
        """
        model = self._models[Role.OUTPUT_MESSAGE]
        if self._server_counts:
            body = {"model": model.name, "prompt": text, "add_special_tokens": False}
            try:
                answer = self._clients[model.url].post(
                    f"{model.url}/tokenize", cast_to=dict[str, int], body=body
                )
                return int(answer["count"])
            except (APIStatusError, KeyError, TypeError, ValueError) as error:
                logger.info("%s counts no tokens, so they are estimated: %r", model.url, error)
                self._server_counts = False
            except OpenAIError as error:
                raise self._error(Role.OUTPUT_MESSAGE, error) from error
        return estimate_tokens(text)

    def _pieces(
        self,
        role: Role,
        prompt: str,
        temperature: float | None = None,
        seed: int | None = None,
        max_tokens: int | None = None,
    ) -> Generator[str, None, None]:
        """The text as the server sends it; closing the iterator closes the connection."""
        role_format, model = ROLE_FORMATS[role], self._models[role]
        begun = ended = False
        try:
            with self._clients[model.url].completions.create(
                model=model.name,
                prompt=self._opening + prompt,
                max_tokens=max_tokens or role_format.max_new_tokens,
                temperature=self._heat(role) if temperature is None else temperature,
                top_p=self._settings.top_p,
                seed=seed,
                # Only saves time: some servers send the mark as well, some know no stop strings.
                stop=[role_format.end_mark],
                stream=True,
            ) as chunks:
                begun = True
                for chunk in chunks:
                    for choice in chunk.choices:
                        ended = ended or bool(choice.finish_reason)
                        yield choice.text
        except (OpenAIError, ValueError) as error:  # a ValueError: what came is not JSON
            raise self._error(role, error, begun) from error
        if not ended:
            raise self._error(role, EOFError("the reply broke off"), begun)

    def _heat(self, role: Role) -> float:
        return self._settings.temperatures.get(role.value, ROLE_FORMATS[role].temperature)

    def _error(self, role: Role, error: Exception, begun: bool = False) -> LlmServerError:
        """What a failed request means for the user."""
        model = self._models[role]
        detail = _detail(error)
        logger.warning("%s at %s: %s", model.name, model.url, detail)
        if begun:
            return LlmGoneError(detail)
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            return LlmKeyError(model.url)
        if isinstance(error, APIConnectionError):
            return LlmUnreachableError(model.url, detail)
        served = self._served(model.url)
        if served and model.name not in served:
            return LlmModelError(model.url, model.name, role.value, served)
        return LlmServerError(model.url, detail)

    def _served(self, url: str) -> list[str]:
        """Names of the models that a server offers; none if it does not tell."""
        try:
            return sorted(model.id for model in self._clients[url].models.list())
        except (OpenAIError, ValueError):
            return []


def load_remote(settings: Settings) -> RemoteGenerator:
    """The language models of the profile on the servers that the settings name.

    Raises:
        SettingsError: if there is no address, or a setting names a role that does not exist.
        LlmServerError: if a server cannot be reached, wants another key, or lacks a model.
        ModelFileError: if the settings of the lite models cannot be read.
    """
    url = settings.llm_url
    if not url:
        raise SettingsError("OHLORA_LLM_URL 설정이 비어 있어요.", "OHLORA_LLM_URL is not set.")
    for name, given in (("LLM_URLS", settings.llm_urls), ("LLM_MODELS", settings.llm_models)):
        if unknown := sorted(set(given) - set(Role)):
            known = ", ".join(Role)
            raise SettingsError(
                f"OHLORA_{name} 설정의 '{unknown[0]}' 역할은 없어요. 쓸 수 있는 이름: {known}",
                f"OHLORA_{name} names '{unknown[0]}', which is no role. Roles: {known}",
            )
    models = {
        role: ServedModel(
            settings.llm_urls.get(role, url),
            settings.llm_models.get(role, settings.llm_prefix + role),
        )
        for role in (LITE_ROLES if settings.profile == "lite" else Role)
    }
    if settings.profile == "lite":
        usage, opening = read_settings(settings.models_dir / "language" / "lite.json"), LITE_OPENING
    else:
        usage, opening = FULL_SETTINGS[settings.profile], ""
    generator = RemoteGenerator(
        models,
        key=settings.llm_key,
        timeout_s=settings.llm_timeout_s,
        settings=usage,
        opening=opening,
    )
    generator.check()
    return generator


def estimate_tokens(text: str) -> int:
    """Length in tokens where nobody can count: 2 characters of Korean are about one token.

    The same ratio as between the two limits of a message, 40 tokens and 80 characters.

    >>> estimate_tokens("안녕하세요")
    3
    """
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _seeds(seed: int | None, count: int) -> list[int | None]:
    """A seed for each of several answers; the first is the given one."""
    if seed is None:
        return [None] * count
    source = random.Random(seed)
    seeds: list[int | None] = [seed, *(source.getrandbits(31) for _ in range(count - 1))]
    return seeds[:count]


def _detail(error: Exception) -> str:
    """The first line of what a server or the connection reported."""
    told = error.body if isinstance(error, APIError) and isinstance(error.body, str) else ""
    return next(iter((told or str(error)).splitlines()), type(error).__name__)[:LONGEST_DETAIL]


def _in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results in the order of the items, each as soon as it is there."""
    todo = list(items)
    if len(todo) < 2:
        yield from map(work, todo)
        return
    with ThreadPoolExecutor(min(len(todo), REQUESTS_AT_ONCE), "ohlora-llm") as pool:
        yield from pool.map(work, todo)
