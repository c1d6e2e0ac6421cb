"""The errors a user can meet. Every message says what to do, in Korean and in English.

Knows nothing of models or of the page: the page and the command line show `str(error)` or, by
language, `error.text(lang)`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "ContentError",
    "DataFolderError",
    "MissingModelError",
    "ModelFileError",
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
    """A full model is neither on this machine nor can it be downloaded now."""

    def __init__(self, profile: str, where: str) -> None:
        super().__init__(
            f"'{profile}' 프로필의 모델이 없어요. 필요한 모델: {where}. "
            "내장 모델로 실행하려면 --profile lite --face lite 를 사용해 주세요.",
            f"The models of profile '{profile}' are not available here: {where}. "
            "Use --profile lite --face lite to run the embedded models.",
        )


class TrainingDataError(OhLoraError):
    """What a training was asked to learn from cannot be used as it is."""


class ContentError(OhLoraError):
    """A content file has a row that does not fit its schema."""

    def __init__(self, path: Path, line: int, detail: str) -> None:
        super().__init__(
            f"콘텐츠 파일 {path} 의 {line}번째 줄이 잘못되었어요: {detail}",
            f"Content file {path}, line {line} is not valid: {detail}",
        )


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
