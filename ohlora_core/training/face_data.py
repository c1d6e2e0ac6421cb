"""Training pictures of the lite face models, rendered once into memory-mapped arrays.

Rows come in a fixed shuffled order, so any finished prefix is a usable set, and a run that was
stopped goes on where it was. Knows nothing of the models that read the arrays.
"""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ohlora_core.training.portrait import OFFERED_FACES, identity_of_seed, render

logger = logging.getLogger(__name__)

RANDOM_SEED_START = 1_000_000
"""Random faces have seeds from here on, so that they never meet the offered ones."""

_NEUTRAL = (0.6, 0.0, 0.0)


@dataclass(frozen=True)
class Options:
    """What to render and where."""

    work_dir: Path
    """Folder of images.npy, masks.npy, labels.npy, seeds.npy, progress.json."""
    samples: int = 18_000
    offered_share: float = 0.22
    """Share of samples that show an offered face; the others each show a face of their own."""
    size_px: int = 256
    workers: int = 2
    """Rendering processes."""
    block_samples: int = 50
    """Samples between two updates of progress.json."""
    seed: int = 7
    resume: bool = True


def draw_labels(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Expressions [count, 3] (eyes, mouth, pose): mostly uniform, some extreme, some neutral."""
    labels = np.empty((count, 3), dtype=np.float32)
    labels[:, :2] = rng.uniform(0.0, 1.0, (count, 2))
    labels[:, 2] = rng.uniform(-1.0, 1.0, count)
    # Each value alone goes to one of its ends in a tenth of the rows ...
    ends = np.stack(
        [rng.integers(0, 2, count), rng.integers(0, 2, count), rng.integers(0, 2, count) * 2 - 1],
        axis=1,
    )
    extreme = rng.random((count, 3)) < 0.10
    labels[extreme] = ends[extreme]
    # ... and to its value at rest in a fifth, which is what people look at most of the time.
    rest = rng.random((count, 3)) < 0.20
    labels[rest] = np.broadcast_to(np.array(_NEUTRAL, dtype=np.float32), (count, 3))[rest]
    return labels


def plan(options: Options) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Seeds [samples] and labels [samples, 3] of all rows, in shuffled order."""
    rng = np.random.default_rng(options.seed)
    offered = round(options.samples * options.offered_share)
    faces = np.array(OFFERED_FACES, dtype=np.int64)
    seeds = np.concatenate(
        [
            np.resize(faces, offered),
            RANDOM_SEED_START + np.arange(options.samples - offered, dtype=np.int64),
        ]
    )
    return rng.permutation(seeds), draw_labels(options.samples, rng)


def _render_row(
    job: tuple[int, tuple[float, float, float], int],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    seed, (eyes, mouth, pose), size = job
    image, mask = render(identity_of_seed(seed), eyes, mouth, pose, size)
    return image, np.round(mask * 255.0).astype(np.uint8)


def _open(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A writable memory map of that shape, made when missing."""
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _write_json(path: Path, value: dict[str, object]) -> None:
    """Replace the file in one step: readers never see half of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    os.replace(part, path)


def read_progress(work_dir: Path) -> dict[str, int]:
    """Content of progress.json: `done` and `total` samples (zeros when there is none yet)."""
    path = work_dir / "progress.json"
    if not path.exists():
        return {"done": 0, "total": 0}
    progress: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return progress


def make_dataset(options: Options) -> None:
    """Render the set into `options.work_dir`.

    Writes images.npy [n, size, size, 3] uint8, masks.npy [n, size, size] uint8, labels.npy [n, 3]
    float32 (eyes, mouth, pose), seeds.npy [n] int64 and progress.json. With `resume` a set begun
    with the same options goes on; a set of another plan there raises ValueError.
    """
    options.work_dir.mkdir(parents=True, exist_ok=True)
    seeds, labels = plan(options)
    done = read_progress(options.work_dir)["done"] if options.resume else 0
    if done == 0:
        for name in ("images.npy", "masks.npy", "progress.json"):
            (options.work_dir / name).unlink(missing_ok=True)
        np.save(options.work_dir / "labels.npy", labels)
        np.save(options.work_dir / "seeds.npy", seeds)
    elif not (
        np.array_equal(np.load(options.work_dir / "labels.npy"), labels)
        and np.array_equal(np.load(options.work_dir / "seeds.npy"), seeds)
    ):
        raise ValueError(f"{options.work_dir} holds another set; choose another folder")
    side = options.size_px
    images = _open(options.work_dir / "images.npy", (options.samples, side, side, 3))
    masks = _open(options.work_dir / "masks.npy", (options.samples, side, side))
    pool = ProcessPoolExecutor(options.workers) if options.workers > 1 else None
    try:
        while done < options.samples:
            end = min(done + options.block_samples, options.samples)
            jobs = [
                (
                    int(seeds[i]),
                    (float(labels[i, 0]), float(labels[i, 1]), float(labels[i, 2])),
                    side,
                )
                for i in range(done, end)
            ]
            rows = pool.map(_render_row, jobs, chunksize=5) if pool else map(_render_row, jobs)
            for i, (image, mask) in enumerate(rows, start=done):
                images[i], masks[i] = image, mask
            images.flush()  # type: ignore[attr-defined]
            masks.flush()  # type: ignore[attr-defined]
            done = end
            _write_json(
                options.work_dir / "progress.json", {"done": done, "total": options.samples}
            )
            logger.info("rendered %d of %d portraits", done, options.samples)
    finally:
        if pool:
            pool.shutdown()
