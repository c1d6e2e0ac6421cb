"""All settings in one object: defaults < .env < OHLORA_* variables < command-line flags.

Nothing is read at import; `load_settings` reads. `.env.example` documents every field.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ohlora_core.errors import DataFolderError, SettingsError

__all__ = ["PROJECT_DIR", "Settings", "load_settings"]

PROJECT_DIR = Path(__file__).resolve().parent.parent
LOOPBACK_BLOCK_SCALE = 0.01


def _on_space() -> bool:
    return "SPACE_ID" in os.environ


def _default_host() -> str:
    return "0.0.0.0" if _on_space() else "127.0.0.1"


def _default_data_dir() -> Path:
    if _on_space():
        return Path("/data")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "ohlora"


def _default_downloads_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ohlora"


def _pairs(value: Any) -> Any:
    """`name=value,name=value` as a dictionary."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and content.strip() for name, _, content in pairs):
        raise ValueError("write it as name=value,name=value")
    return {name.strip(): content.strip() for name, _, content in pairs}


def _server_root(url: str) -> str:
    """The address of a server without the /v1 that it is often written with."""
    if not re.match(r"https?://[^/\s]", url):
        raise ValueError("not an address like http://localhost:8000")
    return url.rstrip("/").removesuffix("/v1")


Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]


class Settings(BaseSettings):
    """Everything that can be set from outside; the flag of a field has the same name.

    Profile "auto" becomes v4, else v2, where there is a CUDA GPU with enough free memory and every
    model of the profile has been fetched, else lite; `core.choose_profile` decides, and the log and
    the page say why. It cannot know what a server of language models (`llm_url`) runs, so that
    needs one of the others.
    """

    model_config = SettingsConfigDict(env_prefix="OHLORA_", env_file=".env", extra="ignore")

    profile: Literal["lite", "v2", "v4", "auto"] = Field("lite", description="language models")
    face: Literal["lite", "v7", "v8"] = Field("lite", description="face generator")
    face_number: int | None = Field(
        None, description="face that a new user sees first; default: the first one offered"
    )
    lang: Literal["ko", "en"] = Field("ko", description="language of the page")
    host: str = Field(default_factory=_default_host, description="address to listen on")
    port: int = Field(7860, ge=1, le=65535, description="port to listen on")
    share: bool = Field(False, description="open a temporary public share link")
    open: bool = Field(False, description="open the page in the browser")
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="memories, blocks, caches, secret"
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; default: a SQLite file in data_dir"
    )
    four_bit: bool = Field(False, description="4-bit weights of v2 and v4: CUDA, bitsandbytes")
    models_dir: Path = Field(PROJECT_DIR / "models", description="embedded models")
    downloads_dir: Path = Field(
        default_factory=_default_downloads_dir, description="published models, once downloaded"
    )
    tz: str = Field("Asia/Seoul", description="time zone of her day and of the block texts")
    block_scale: float | None = Field(
        None, ge=0, description="factor on block periods; default 1, on loopback 0.01"
    )
    idle_s: float = Field(180, gt=0, description="silence after which she ends the conversation")
    idle_extra_mean_s: float = Field(60, ge=0, description="mean of the further random delay")
    secret: str | None = Field(None, description="signs user ids; default: made once in data_dir")
    seed: int | None = Field(None, description="makes sampling repeatable (tests)")
    threads: int | None = Field(
        None, ge=1, description="CPU threads of the models; default 1 if all are lite"
    )
    llm_url: str | None = Field(None, description="server of the language models")
    llm_urls: Pairs = Field({}, description="servers of single roles")
    llm_prefix: str = Field("", description="what stands before a role in its model name")
    llm_models: Pairs = Field({}, description="model names of single roles")
    llm_key: str | None = Field(None, description="key of the servers")
    llm_timeout_s: float = Field(60, gt=0, description="longest silence of a server")

    @field_validator("tz")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("unknown time zone, e.g. Asia/Seoul") from error
        return value

    @field_validator("llm_url")
    @classmethod
    def _server(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("profile") == "auto":
            raise ValueError("profile auto cannot know what is served: set lite, v2 or v4")
        return _server_root(value) if value else None

    @field_validator("llm_urls")
    @classmethod
    def _servers(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if value and not info.data.get("llm_url"):
            raise ValueError("OHLORA_LLM_URL is needed as well, for the other roles")
        return {role: _server_root(url) for role, url in value.items()}

    @property
    def time_zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)

    @property
    def loopback_only(self) -> bool:
        """Whether nobody but this machine can reach the page."""
        if self.share or _on_space():
            return False
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def effective_block_scale(self) -> float:
        """Factor on block periods: as set, else 0.01 on loopback, else 1."""
        if self.block_scale is not None:
            return self.block_scale
        return LOOPBACK_BLOCK_SCALE if self.loopback_only else 1.0

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'ohlora.sqlite3'}"

    def prepare_data_dir(self) -> Path:
        """Make the data folder.

        Raises:
            DataFolderError: if it cannot be made or written.
        """
        probe = self.data_dir / ".write-test"
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise DataFolderError(self.data_dir, error.strerror or str(error)) from error
        return self.data_dir


def load_settings(**flags: Any) -> Settings:
    """Settings from defaults, .env, environment and the given flags (None: not given).

    Raises:
        SettingsError: naming the setting, the value and the allowed ones.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        setting = f"OHLORA_{name.upper()} (--{name.replace('_', '-')})"
        raise SettingsError(
            f"설정 {setting} 의 값 {first['input']!r} 을(를) 쓸 수 없어요: {first['msg']}",
            f"Setting {setting} cannot be {first['input']!r}: {first['msg']}",
        ) from error
