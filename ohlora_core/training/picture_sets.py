"""Pictures with soft hair masks to learn from: the rendered face set, or anybody's two folders.

Knows files, sizes and which rows are held out; nothing of the models that learn from them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ohlora_core.errors import TrainingDataError
from ohlora_core.face.hair import MASK_SIZE

PICTURE_SIZE = 256
SUFFIXES = (".png", ".jpg", ".jpeg", ".npy")
_SHOWN_NAMES = 5


class PictureSet(Protocol):
    """Rows of pictures and masks; the first ones of `held_out` are never drawn for training."""

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Rows to validate on."""
        ...

    def draw_rows(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Random rows [count] to train on."""
        ...

    def pictures(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """[n, 256, 256, 3] RGB."""
        ...

    def masks(self, rows: NDArray[np.int64]) -> Tensor:
        """Soft masks [n, 1, 224, 224] in 0..1."""
        ...


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """[n, 256, 256, 3] uint8 -> [n, 3, 256, 256] in -1..1."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_mask(mask: NDArray[np.floating]) -> NDArray[np.float32]:
    """[h, w] in 0..1 -> [224, 224]."""
    small = cv2.resize(
        mask.astype(np.float32), (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_AREA
    )
    return np.asarray(small, dtype=np.float32)


class FaceSet:
    """The rendered set of `train face-data`, which may still be growing.

    folder: images.npy [n, 256, 256, 3] and masks.npy [n, 256, 256] uint8, labels.npy [n, 3],
    seeds.npy [n], and progress.json ("done": finished rows; without it all are). held_out: that
    many first rows. Raises TrainingDataError when a file is missing or there are too few rows.
    """

    def __init__(self, folder: Path, held_out: int) -> None:
        self.folder = folder
        self.held_out = np.arange(held_out)
        self.images: NDArray[np.uint8] = self._array("images.npy")
        self.hair: NDArray[np.uint8] = self._array("masks.npy")
        self.labels: NDArray[np.float32] = self._array("labels.npy")
        self.seeds: NDArray[np.int64] = self._array("seeds.npy")
        if self.images.shape[1:] != (PICTURE_SIZE, PICTURE_SIZE, 3):
            raise _unusable(
                folder / "images.npy",
                f"{self.images.shape} 이에요. [n, {PICTURE_SIZE}, {PICTURE_SIZE}, 3] 이어야 해요",
                f"is {self.images.shape}, must be [n, {PICTURE_SIZE}, {PICTURE_SIZE}, 3]",
            )
        if self.done <= held_out:
            raise TrainingDataError(
                f"{folder} 에 그림이 {self.done}장뿐이에요. 검증용 {held_out}장보다 많아야 해요. "
                "`train face-data` 를 먼저 실행해 주세요.",
                f"{folder} has {self.done} pictures, which must be more than the {held_out} held "
                "out. Run `train face-data` first.",
            )

    def _array(self, name: str) -> NDArray:
        try:
            return np.load(self.folder / name, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise TrainingDataError(
                f"{self.folder / name} 을(를) 읽을 수 없어요 ({error}). `train face-data` 를 먼저 "
                "실행해 주세요.",
                f"Cannot read {self.folder / name} ({error}). Run `train face-data` first.",
            ) from error

    @property
    def done(self) -> int:
        """Finished rows."""
        progress = self.folder / "progress.json"
        if not progress.is_file():
            return len(self.images)
        return int(json.loads(progress.read_text(encoding="utf-8"))["done"])

    def draw_rows(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return np.sort(rng.integers(len(self.held_out), self.done, count))

    def pictures(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.images[rows]

    def masks(self, rows: NDArray[np.int64]) -> Tensor:
        small = [to_mask(self.hair[row] / np.float32(255)) for row in rows]
        return torch.from_numpy(np.stack(small))[:, None]


class FolderSet:
    """Two folders with a picture and a soft mask of each stem, e.g. `a.jpg` and `a.png`.

    Pictures: square, at least 256 pixels (PNG, JPEG, or npy [h, w, 3] uint8), reduced to 256.
    Masks: as large as their picture, or 224 (PNG or JPEG grey, or npy [h, w], uint8 or 0..1).
    validation_share: of the pairs, at least one. Raises TrainingDataError, which names the files.
    """

    def __init__(self, images: Path, masks: Path, validation_share: float = 0.1) -> None:
        self.pairs = matched_pairs(images, masks)
        for picture, mask in self.pairs:
            _check_sizes(picture, mask)
        order = np.random.default_rng(0).permutation(len(self.pairs))
        count = max(1, round(validation_share * len(order)))
        self.held_out, self._training = np.sort(order[:count]), order[count:]
        if not len(self._training):
            raise TrainingDataError(
                f"{images} 의 그림이 {len(order)}장뿐이라 학습과 검증에 나눌 수 없어요.",
                f"{images} has {len(order)} picture(s): too few to train and validate. Add more.",
            )

    def draw_rows(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return rng.choice(self._training, count)

    def pictures(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        size = (PICTURE_SIZE, PICTURE_SIZE)
        whole = [read_picture(self.pairs[row][0]) for row in rows]
        return np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in whole])

    def masks(self, rows: NDArray[np.int64]) -> Tensor:
        small = [to_mask(read_mask(self.pairs[row][1])) for row in rows]
        return torch.from_numpy(np.stack(small))[:, None]


def matched_pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Picture and mask files of the same stem, sorted; TrainingDataError if one is alone."""
    pictures, maps = _by_stem(images), _by_stem(masks)
    alone = [str(pictures[stem]) for stem in sorted(pictures.keys() - maps.keys())]
    alone += [str(maps[stem]) for stem in sorted(maps.keys() - pictures.keys())]
    if alone:
        shown = ", ".join(alone[:_SHOWN_NAMES])
        more = f" (+{len(alone) - _SHOWN_NAMES})" if len(alone) > _SHOWN_NAMES else ""
        raise TrainingDataError(
            f"짝이 없는 파일이 {len(alone)}개 있어요: {shown}{more}. 그림과 마스크의 이름(확장자 "
            "제외)을 같게 해 주세요.",
            f"{len(alone)} files have no partner: {shown}{more}. Give a picture and its mask the "
            "same name (without the ending).",
        )
    return [(pictures[stem], maps[stem]) for stem in sorted(pictures)]


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} 폴더가 없어요.", f"There is no folder {folder}.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise _unusable(path, "같은 이름의 파일이 둘이에요", f"same name as {found[path.stem]}")
        found[path.stem] = path
    if not found:
        endings = ", ".join(SUFFIXES)
        raise TrainingDataError(
            f"{folder} 에 {endings} 파일이 없어요.", f"{folder} has no {endings} files."
        )
    return found


def _check_sizes(picture: Path, mask: Path) -> None:
    size, mask_size = _size(picture), _size(mask)
    if size[0] != size[1] or size[0] < PICTURE_SIZE:
        raise _unusable(
            picture,
            f"{size[0]}x{size[1]} 이에요. {PICTURE_SIZE} 이상의 정사각형이어야 해요",
            f"is {size[0]}x{size[1]}, must be square and at least {PICTURE_SIZE}",
        )
    if mask_size not in (size, (MASK_SIZE, MASK_SIZE)):
        raise _unusable(
            mask,
            f"{mask_size[0]}x{mask_size[1]} 이에요. 그림과 같은 {size[0]}x{size[1]} 이나 "
            f"{MASK_SIZE}x{MASK_SIZE} 이어야 해요",
            f"is {mask_size[0]}x{mask_size[1]}, must be {size[0]}x{size[1]} like its picture, or "
            f"{MASK_SIZE}x{MASK_SIZE}",
        )


def _size(path: Path) -> tuple[int, int]:
    """Rows and columns, from the head of the file."""
    try:
        if path.suffix.lower() == ".npy":
            height, width = np.load(path, mmap_mode="r").shape[:2]
            return int(height), int(width)
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_picture(path: Path) -> NDArray[np.uint8]:
    """[h, w, 3] RGB. Raises TrainingDataError."""
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                values = np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] != 3:
        found = f"{values.dtype} {values.shape}"
        raise _unusable(path, f"{found} 이에요. uint8 [h, w, 3] 이어야 해요", f"holds {found}")
    return values


def read_mask(path: Path) -> NDArray[np.float32]:
    """Soft mask [h, w] in 0..1. Raises TrainingDataError."""
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                deep = image.mode.startswith("I")  # 16-bit grey
                values = np.asarray(image if deep else image.convert("L"))
                values = values.astype(np.float32) / (65535 if deep else 255)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if values.dtype == np.uint8:
        values = values / np.float32(255)
    mask = values.astype(np.float32)
    # A comparison with NaN is false, so this finds values that are not numbers too.
    if mask.ndim != 2 or not ((mask >= 0) & (mask <= 1)).all():
        found = f"{values.dtype} {values.shape} {mask.min():.3g}..{mask.max():.3g}"
        raise _unusable(path, f"{found} 이에요. 0..1 이어야 해요", f"holds {found}, not 0..1")
    return mask


def _unusable(path: Path, korean: str, english: str) -> TrainingDataError:
    return TrainingDataError(f"{path}: {korean}.", f"{path}: {english}.")


def _unreadable(path: Path, error: Exception) -> TrainingDataError:
    return _unusable(path, f"읽을 수 없어요 ({error})", f"cannot be read ({error})")
