"""Says what went wrong with a download, and what to do, in the user's words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import get_token
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled

from ohlora_core.errors import DownloadError

__all__ = ["busy", "checksum_mismatch", "disk_full", "explained", "not_a_hub"]

_AGAIN = (
    "같은 명령을 다시 실행하면 받은 곳부터 이어서 받아요.",
    "Run the same command again: it goes on where it stopped.",
)


@contextmanager
def explained(what: str, folder: Path | None = None) -> Iterator[None]:
    """Turns every failure of the network or the disk inside into a DownloadError.

    what: The address or file that is being fetched. folder: Where it is written, if it is.
    """
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise DownloadError(
            f"{what}: 오프라인 모드(HF_HUB_OFFLINE)라 받을 수 없어요. 이 환경 변수를 지우고 다시 "
            "실행해 주세요.",
            f"{what}: offline mode is on (HF_HUB_OFFLINE). Unset it and run again.",
        ) from error
    except HfHubHTTPError as error:
        raise _refused(what, error) from error
    except httpx2.TimeoutException as error:
        raise DownloadError(
            f"{what}: 제시간에 응답이 없어요. {_AGAIN[0]} 느린 망에서는 환경 변수 "
            "HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT (초, 기본 10)을 늘려 주세요.",
            f"{what}: no answer in time. {_AGAIN[1]} On a slow network raise the variables "
            "HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT (seconds, 10 by default).",
        ) from error
    except httpx2.ConnectError as error:
        raise DownloadError(
            f"{what}: 서버에 연결할 수 없어요 ({error}). 인터넷 연결을 확인하고 다시 해 주세요.",
            f"{what}: cannot be reached ({error}). Check the connection and run again.",
        ) from error
    except httpx2.HTTPError as error:
        raise DownloadError(
            f"{what}: 받는 중에 연결이 끊겼어요 ({error}). {_AGAIN[0]}",
            f"{what}: the connection was cut ({error}). {_AGAIN[1]}",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and folder:
            raise disk_full(folder) from error
        raise DownloadError(
            f"{what}: 파일을 쓸 수 없거나 덜 받았어요 ({error}). "
            f"폴더 {folder} 을(를) 확인해 주세요. {_AGAIN[0]}",
            f"{what}: cannot be written, or came incomplete ({error}). Check the folder {folder}. "
            f"{_AGAIN[1]}",
        ) from error


def disk_full(folder: Path, needed: int | None = None, free: int | None = None) -> DownloadError:
    """There is not, or no longer, room for the files; sizes in bytes."""
    sizes = "" if needed is None or free is None else f" ({_gb(needed)} > {_gb(free)})"
    return DownloadError(
        f"디스크 공간이 모자라요: {folder}{sizes}. 공간을 비우거나 OHLORA_DOWNLOADS_DIR 로 다른 "
        f"디스크를 지정해 주세요. {_AGAIN[0]}",
        f"Not enough disk space in {folder}{sizes}. Free some, or set OHLORA_DOWNLOADS_DIR to "
        f"another disk. {_AGAIN[1]}",
    )


def checksum_mismatch(what: str, wanted: str, found: str) -> DownloadError:
    """What came is not what was published; it has been thrown away."""
    return DownloadError(
        f"{what}: 체크섬이 달라 버렸어요 ({found[:12]}…, 맞는 값은 {wanted[:12]}…). 다시 실행하면 "
        "처음부터 받아요. 되풀이되면 프록시나 디스크를 확인해 주세요.",
        f"{what}: wrong checksum {found[:12]}…, expected {wanted[:12]}…; thrown away. Run again "
        "to download it from the beginning; if it recurs, suspect a proxy or the disk.",
    )


def not_a_hub(what: str, error: Exception) -> DownloadError:
    """The answer makes no sense: a login page, a proxy."""
    return DownloadError(
        f"{what}: 허브의 대답이 아니에요 ({error}). 프록시나 HF_ENDPOINT 설정을 확인해 주세요.",
        f"{what}: that is not the answer of a hub ({error}). Check proxy and HF_ENDPOINT.",
    )


def busy(folder: Path) -> DownloadError:
    """Another fetch writes to the same folder."""
    return DownloadError(
        f"다른 fetch 가 {folder} 에 받고 있어요. 끝난 뒤 다시 실행해 주세요.",
        f"Another fetch is downloading to {folder}. Run again when it has ended.",
    )


def _refused(what: str, error: HfHubHTTPError) -> DownloadError:
    """The server answered, but not with the file."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return DownloadError(
            f"{what}: 사용 조건에 동의해야 받을 수 있는 모델이에요 ({status}). 그 페이지에서 "
            "동의한 계정의 토큰을 HF_TOKEN 에 넣어 주세요.",
            f"{what}: gated model ({status}). Accept its terms on that page, then set HF_TOKEN to "
            "a token of the same account.",
        )
    if status in (401, 403):
        sent = get_token() is not None
        return DownloadError(
            f"{what}: 허브가 {'토큰을 ' if sent else ''}거절했어요 ({status}). 없거나 비공개인 "
            "저장소이거나 토큰이 "
            f"{'만료되었어요' if sent else '필요해요'}. https://huggingface.co/settings/tokens "
            "에서 읽기 토큰을 만들어 HF_TOKEN 에 넣거나 `hf auth login` 을 실행해 주세요.",
            f"{what}: the hub refused {'the token' if sent else 'access'} ({status}). The "
            "repository does not exist or is private, or the token is "
            f"{'expired' if sent else 'missing'}. Make a read token at "
            "https://huggingface.co/settings/tokens and set HF_TOKEN, or run `hf auth login`.",
        )
    if status == 404:
        return DownloadError(
            f"{what}: 그 주소에 없어요 (404). 저장소가 옮겨졌거나 지워졌을 수 있어요.",
            f"{what}: not there (404). It may have been moved or deleted.",
        )
    if status == 429:
        return DownloadError(
            f"{what}: 요청이 너무 많다고 해요 (429). 몇 분 뒤에 다시 실행해 주세요. {_AGAIN[0]}",
            f"{what}: too many requests (429). Wait some minutes. {_AGAIN[1]}",
        )
    return DownloadError(
        f"{what}: 서버에 문제가 있어요 ({status}). 잠시 뒤에 다시 실행해 주세요. {_AGAIN[0]}",
        f"{what}: the server has a problem ({status}). Try later. {_AGAIN[1]}",
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
