"""The portrait renderer: fixed pictures, honest masks, expressions that stay in their regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skia")

from ohlora_core.training import face_data
from ohlora_core.training.portrait import (
    OFFERED_FACES,
    identity_from_z,
    identity_of_seed,
    latent_of_seed,
    render,
)

HER = 1


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of the change that lies in each cell: mean absolute difference [256, 256]."""
    return np.abs(a.astype(float) - b.astype(float)).mean(axis=2)


def test_same_numbers_give_the_same_picture() -> None:
    first, mask = render(identity_of_seed(HER), 0.6, 0.2, 0.3)
    again, mask_again = render(identity_of_seed(HER), 0.6, 0.2, 0.3)
    assert first.shape == (256, 256, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and np.array_equal(mask, mask_again)


def test_a_small_step_changes_the_picture_little() -> None:
    person = identity_of_seed(HER)
    before, _ = render(person, 0.50, 0.50, 0.0)
    after, _ = render(person, 0.51, 0.51, 0.01)
    assert changed(before, after).mean() < 1.0


@pytest.mark.parametrize("number", OFFERED_FACES)
def test_hair_is_visible_on_both_sides_and_ends_in_the_picture(number: int) -> None:
    _, mask = render(identity_of_seed(number), 0.6, 0.0, 0.0)
    assert mask.dtype == np.float32 and mask.min() == 0.0 and mask.max() == 1.0
    assert mask[60:180, :100].sum() > 1000 and mask[60:180, 156:].sum() > 1000
    assert mask[-3:].max() < 0.05  # tips end above the lower edge
    assert mask[140:200, 110:146].max() < 0.05  # the face is not hair


def test_eyes_change_only_the_eye_rows() -> None:
    person = identity_of_seed(HER)
    change = changed(render(person, 0.0, 0.2, 0.0)[0], render(person, 1.0, 0.2, 0.0)[0])
    assert change[96:144, 64:192].sum() > 0.97 * change.sum() > 0.0


def test_mouth_changes_only_the_lower_face() -> None:
    person = identity_of_seed(HER)
    change = changed(render(person, 0.6, 0.0, 0.0)[0], render(person, 0.6, 1.0, 0.0)[0])
    assert change[160:208, 96:160].sum() > 0.75 * change.sum() > 0.0
    assert change[:150].sum() < 0.02 * change.sum()


def test_a_head_turn_leaves_the_background_alone() -> None:
    person = identity_of_seed(HER)
    change = changed(render(person, 0.6, 0.2, -1.0)[0], render(person, 0.6, 0.2, 1.0)[0])
    assert change[112:160, 88:168].mean() > 3.0
    assert change[:, :24].max() == 0.0 and change[:, 232:].max() == 0.0


def test_identity_is_smooth_in_z_and_checks_its_shape() -> None:
    z = np.random.default_rng(HER).standard_normal(512)
    near = identity_from_z(z + 1e-4)
    assert identity_from_z(1.1 * z).hair_end == pytest.approx(identity_from_z(z).hair_end)
    assert near.hair_end == pytest.approx(identity_from_z(z).hair_end, abs=0.1)
    with pytest.raises(ValueError, match="512"):
        identity_from_z(z[:100])


def test_offered_faces_are_different_people_with_ordinary_latents() -> None:
    latents = np.stack([latent_of_seed(number) for number in OFFERED_FACES])
    assert len(OFFERED_FACES) >= 24 and latents.shape[1:] == (512,)
    assert np.square(latents).mean(axis=1) == pytest.approx(1.0, abs=0.15)
    thumbs = np.stack(
        [render(identity_of_seed(n), 0.6, 0.0, 0.0, 32)[0].astype(float) for n in OFFERED_FACES]
    )
    apart = np.abs(thumbs[:, None] - thumbs[None]).mean(axis=(2, 3, 4))
    assert apart[~np.eye(len(thumbs), dtype=bool)].min() > 8.0


def test_data_set_is_resumable(tmp_path: Path) -> None:
    small = face_data.Options(work_dir=tmp_path, samples=6, size_px=64, block_samples=3)
    face_data.make_dataset(small)
    images = np.load(tmp_path / "images.npy")
    assert face_data.read_progress(tmp_path) == {"done": 6, "total": 6}
    assert images.shape == (6, 64, 64, 3) and images.reshape(6, -1).std(axis=1).min() > 5.0
    # As if the run had been stopped after the first block.
    (tmp_path / "progress.json").write_text('{"done": 3, "total": 6}', encoding="utf-8")
    np.lib.format.open_memmap(tmp_path / "images.npy", mode="r+")[3:] = 0
    face_data.make_dataset(small)
    assert np.array_equal(np.load(tmp_path / "images.npy"), images)
    with pytest.raises(ValueError, match="another set"):
        face_data.make_dataset(
            face_data.Options(work_dir=tmp_path, samples=6, size_px=64, seed=small.seed + 1)
        )


def test_labels_cover_the_range_and_the_rest() -> None:
    seeds, labels = face_data.plan(face_data.Options(work_dir=Path("unused"), samples=1000))
    offered = np.isin(seeds, OFFERED_FACES)
    assert offered.sum() == 220 and len(set(seeds[~offered].tolist())) == 780
    assert labels.min(axis=0).tolist() == [0.0, 0.0, -1.0]
    assert labels.max(axis=0).tolist() == [1.0, 1.0, 1.0]
    assert 100 < (labels[:, 2] == 0.0).sum() < 300
