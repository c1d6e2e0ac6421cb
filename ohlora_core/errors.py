"""The errors a user can meet. Every message says what to do, in Korean and in English.

Knows nothing of models or of the page: the page and the command line show `str(error)` or, by
language, `error.text(lang)`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "AdapterMismatchError",
    "ContentError",
    "DataFolderError",
    "DownloadError",
    "EvaluationFileError",
    "LlmGoneError",
    "LlmKeyError",
    "LlmModelError",
    "LlmServerError",
    "LlmUnreachableError",
    "MissingModelError",
    "ModelFileError",
    "NotEnoughMemoryError",
    "OhLoraError",
    "PortInUseError",
    "ScoreError",
    "SettingsError",
    "TrainingDataError",
    "UnknownFaceError",
    "UnknownQuizError",
    "UserTokenError",
]


class OhLoraError(Exception):
    """A failure that the user can act on.

    Args:
        korean: What happened and what to do, in Korean.
        english: The same in English.
    """

    def __init__(self, korean: str, english: str) -> None:
        super().__init__(f"{korean} / {english}")
        self.korean = korean
        self.english = english

    def text(self, lang: str = "ko") -> str:
        """The message in one language ("ko" or "en")."""
        return self.english if lang == "en" else self.korean


class SettingsError(OhLoraError):
    """A setting has a value that cannot be used."""


class ModelFileError(OhLoraError):
    """A model file is missing, truncated or of another model.

    Args:
        path: The file (or folder) at fault.
        hint: How to restore it, in Korean and in English; by default the git command for an
            embedded model, a fresh copy for any other file.
        detail: What is wrong with it, as the reader reported it.
    """

    def __init__(
        self, path: Path | str, hint: tuple[str, str] | None = None, detail: str = ""
    ) -> None:
        self.path = Path(path)
        self.detail = detail
        korean, english = hint or _restoring(self.path)
        why = f" ({detail})" if detail else ""
        super().__init__(
            f"모델 파일을 읽을 수 없어요: {path}{why}. 복구 방법: {korean}",
            f"Cannot read the model file {path}{why}. To restore it: {english}",
        )


class MissingModelError(OhLoraError):
    """A full model is not on this machine.

    Args:
        profile: What needs it.
        where: The missing files, and where they are published.
        fetch: The word of the fetch command that gets them, by default the profile.
    """

    def __init__(self, profile: str, where: str, fetch: str = "") -> None:
        command = f"python -m ohlora_core fetch {fetch or profile}"
        super().__init__(
            f"'{profile}' 프로필의 모델이 없어요. 필요한 모델: {where}. 받는 방법: {command} "
            "내장 모델로 실행하려면 --profile lite --face lite 를 사용해 주세요.",
            f"The models of profile '{profile}' are not available here: {where}. "
            f"To download them: {command} "
            "Use --profile lite --face lite to run the embedded models.",
        )


class DownloadError(OhLoraError):
    """A published model cannot be downloaded as it is; says why and what to do."""


class AdapterMismatchError(OhLoraError):
    """An adapter was made for another base."""

    def __init__(self, adapter: Path, base: Path, detail: str) -> None:
        super().__init__(
            f"어댑터 {adapter} 는 베이스 모델 {base} 에 맞지 않아요 ({detail}). 이 베이스로 학습한 "
            "어댑터를 받거나, 어댑터에 맞는 베이스를 사용해 주세요.",
            f"The adapter {adapter} does not fit the base model {base} ({detail}). Get the adapter "
            "that was trained on this base, or use the base that belongs to the adapter.",
        )


class NotEnoughMemoryError(OhLoraError):
    """The language models of a profile do not fit in memory.

    Args:
        profile: The profile that was asked for.
        needed: Expected size in bytes.
        free: What is free, in bytes.
        place: Where they were to go, e.g. "cuda:0" or "cpu".
        choices: Flags or settings that need less memory, best first.
    """

    def __init__(
        self, profile: str, needed: int, free: int, place: str, choices: list[str]
    ) -> None:
        sizes = f"{needed / 2**30:.1f} GiB > {free / 2**30:.1f} GiB"
        super().__init__(
            f"'{profile}' 프로필의 언어 모델이 {place} 메모리에 들어가지 않아요 ({sizes}). 더 작게 "
            f"실행하려면: {' 또는 '.join(choices)}",
            f"The language models of profile '{profile}' do not fit in the memory of {place} "
            f"({sizes}). What needs less: {' or '.join(choices)}",
        )


class LlmServerError(OhLoraError):
    """A server of language models cannot do what it is asked for."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(
            f"언어 모델 서버 {url} 가 요청을 처리하지 못했어요 ({detail}). "
            "서버의 로그를 확인해 주세요.",
            f"The language model server {url} failed ({detail}). See the log of the server.",
        )


class LlmUnreachableError(LlmServerError):
    """Nothing answers at the address of the server, or not in time."""

    def __init__(self, url: str, detail: str) -> None:
        OhLoraError.__init__(
            self,
            f"언어 모델 서버 {url} 에 연결할 수 없어요 ({detail}). 서버가 켜져 있는지, "
            "OHLORA_LLM_URL 이 맞는지 확인해 주세요. 지우면 이 컴퓨터의 모델을 써요.",
            f"Cannot reach the language model server {url} ({detail}). Check that it runs and that "
            "OHLORA_LLM_URL is right; without it the models of this machine are used.",
        )


class LlmKeyError(LlmServerError):
    """The server wants another key."""

    def __init__(self, url: str) -> None:
        OhLoraError.__init__(
            self,
            f"언어 모델 서버 {url} 가 키를 받아들이지 않았어요. OHLORA_LLM_KEY 를 확인해 주세요.",
            f"The language model server {url} did not accept the key. Check OHLORA_LLM_KEY.",
        )


class LlmModelError(LlmServerError):
    """The server has no model of the name that a role has."""

    def __init__(self, url: str, name: str, role: str, served: list[str]) -> None:
        names = ", ".join(served)
        OhLoraError.__init__(
            self,
            f"언어 모델 서버 {url} 에 {role} 역할의 모델 '{name}' 이(가) 없어요. 서버에 있는 모델: "
            f"{names}. OHLORA_LLM_PREFIX 나 OHLORA_LLM_MODELS 로 이름을 맞춰 주세요.",
            f"The language model server {url} has no model '{name}' for the role {role}. It has: "
            f"{names}. Match the names with OHLORA_LLM_PREFIX or OHLORA_LLM_MODELS.",
        )


class LlmGoneError(LlmServerError):
    """The server went away in the middle of an answer.

    Args:
        detail: What the connection reported.
        saved: Whether the turn was already stored, so that only her expression is missing.
    """

    def __init__(self, detail: str, *, saved: bool = False) -> None:
        self.detail = detail
        self.saved = saved
        korean = (
            f"답변을 만드는 중에 언어 모델 서버와 연결이 끊겼어요 ({detail}). 이 대화는 저장되지 "
            "않았어요. 잠시 뒤에 다시 보내 주세요."
        )
        english = (
            f"The language model server went away in the middle of the answer ({detail}). "
            "This turn was not saved. Please send it again in a moment."
        )
        if saved:
            korean = (
                "답변은 저장했지만, 오로라의 표정을 고르는 중에 언어 모델 서버와 연결이 끊겼어요 "
                f"({detail}). 다음 말은 잠시 뒤에 보내 주세요."
            )
            english = (
                "The reply is saved, but the language model server went away while her expression "
                f"was chosen ({detail}). Please go on in a moment."
            )
        OhLoraError.__init__(self, korean, english)


class TrainingDataError(OhLoraError):
    """What a training was asked to learn from cannot be used as it is."""


class ContentError(OhLoraError):
    """A content file has a row that does not fit its schema."""

    def __init__(self, path: Path, line: int, detail: str) -> None:
        super().__init__(
            f"콘텐츠 파일 {path} 의 {line}번째 줄이 잘못되었어요: {detail}",
            f"Content file {path}, line {line} is not valid: {detail}",
        )


class EvaluationFileError(OhLoraError):
    """A file that was given to be evaluated cannot be used as it is."""

    def __init__(self, path: Path, korean: str, english: str) -> None:
        super().__init__(f"평가 파일 {path}: {korean}", f"Evaluation file {path}: {english}")


class DataFolderError(OhLoraError):
    """The data folder cannot be written."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"데이터 폴더 {path} 에 쓸 수 없어요 ({detail}). OHLORA_DATA_DIR 설정으로 쓸 수 있는 "
            "폴더를 지정해 주세요.",
            f"Cannot write to the data folder {path} ({detail}). Set OHLORA_DATA_DIR to a folder "
            "that can be written.",
        )


class PortInUseError(OhLoraError):
    """Another program listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"{port}번 포트를 이미 다른 프로그램이 쓰고 있어요. --port 로 다른 번호를 지정해 "
            f"주세요 (예: --port {port + 1}).",
            f"Port {port} is already in use. Choose another with --port (e.g. --port {port + 1}).",
        )


class UnknownFaceError(OhLoraError):
    """There is no face of this number."""

    def __init__(self, number: object, valid: list[int]) -> None:
        numbers = ", ".join(map(str, valid))
        super().__init__(
            f"{number}번 얼굴은 없어요. 고를 수 있는 번호: {numbers}",
            f"There is no face {number}. Valid numbers: {numbers}",
        )


class ScoreError(OhLoraError):
    """A score or hue of a face is not a number."""

    def __init__(self, name: str, value: object, low: float, high: float) -> None:
        shown = str(value)[:40]
        super().__init__(
            f"{name} 값 '{shown}' 은(는) 숫자가 아니에요. {low} 에서 {high} 사이로 넣어 주세요 "
            "(범위를 벗어나면 가장 가까운 값을 써요).",
            f"'{shown}' is not a number that {name} can be. Give one from {low} to {high} "
            "(values outside are clipped).",
        )


class UnknownQuizError(OhLoraError):
    """There is no quiz question with this id."""

    def __init__(self, quiz_id: str) -> None:
        shown = quiz_id[:40]
        super().__init__(
            f"'{shown}' 퀴즈를 찾을 수 없어요. 새 문제를 먼저 받아 주세요 (/quiz_next).",
            f"There is no quiz question '{shown}'. Ask for one first (/quiz_next).",
        )


class UserTokenError(OhLoraError):
    """The user id of a remote caller is not one that this server signed."""

    def __init__(self) -> None:
        super().__init__(
            "사용자 토큰이 올바르지 않아요. /session() 으로 새 토큰을 받아 주세요.",
            "The user token is not valid. Get one from /session().",
        )


def _restoring(path: Path) -> tuple[str, str]:
    """What to do about a bad model file; git has the embedded ones, by their path from models/."""
    parts = path.parts
    start = parts.index("models") if "models" in parts else len(parts)
    if parts[start + 1 : start + 2] in (("face",), ("language",), ("sentence",)):
        command = f"git checkout -- {Path(*parts[start:])}"
        return command, command
    return (
        "이름과 버전이 맞는 온전한 파일을 다시 받아 같은 자리에 놓아 주세요",
        "put a whole copy of the right file and version in its place",
    )
