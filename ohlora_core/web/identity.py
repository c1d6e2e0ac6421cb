"""Who a visitor is: ids signed by this server, kept in the browser or handed out by /session.

Knows nothing of Gradio. A token is `id.signature`; the signature is an HMAC-SHA256 of the id.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ohlora_core.errors import DataFolderError, UserTokenError
from ohlora_core.settings import Settings

__all__ = ["Identity", "load_secret"]

logger = logging.getLogger(__name__)

SECRET_BYTES = 32
ID_BYTES = 12
MAX_USER_LENGTH = 200


@dataclass(frozen=True)
class Identity:
    """Signs and checks user ids.

    Attributes:
        secret: Key of the signatures; the same on all replicas.
        trusts_names: Whether any string may name a user of the API (loopback only).
    """

    secret: bytes
    trusts_names: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Identity:
        return cls(load_secret(settings), settings.loopback_only)

    def issue(self) -> str:
        """A token of a new user."""
        user_id = secrets.token_urlsafe(ID_BYTES)
        return f"{user_id}.{self._sign(user_id)}"

    def user_of_token(self, token: object) -> str:
        """The user id of a token.

        Raises:
            UserTokenError: if this server did not sign it.
        """
        user_id, _, signature = token.rpartition(".") if isinstance(token, str) else ("", "", "")
        if not user_id or not hmac.compare_digest(
            signature.encode(errors="replace"), self._sign(user_id).encode()
        ):
            raise UserTokenError
        return user_id

    def user_of_caller(self, user: object) -> str:
        """The user id that an API caller means: a token, or any name where names are trusted.

        Raises:
            UserTokenError: if it is neither, empty or too long.
        """
        try:
            return self.user_of_token(user)
        except UserTokenError:
            name = user.strip() if isinstance(user, str) else ""
            if not self.trusts_names or not name or len(name) > MAX_USER_LENGTH:
                raise
            return name

    def key(self, purpose: str) -> str:
        """A key derived from the secret that may be shown to the browser."""
        return self._sign(f"key:{purpose}")[:32]

    def _sign(self, text: str) -> str:
        digest = hmac.new(self.secret, text.encode(errors="replace"), hashlib.sha256)
        return digest.hexdigest()


def load_secret(settings: Settings) -> bytes:
    """The secret of the settings, or one that is made once in the data folder (mode 0600).

    Raises:
        DataFolderError: if it can be neither read nor written.
    """
    if settings.secret:
        return settings.secret.encode()
    path = settings.prepare_data_dir() / "secret"
    try:
        _create(path, secrets.token_hex(SECRET_BYTES))
        return path.read_text().strip().encode()
    except OSError as error:
        raise DataFolderError(path, error.strerror or str(error)) from error


def _create(path: Path, value: str) -> None:
    """Write a file that only its owner can read, unless it is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(value)
    logger.info("made the secret of this server: %s", path)
