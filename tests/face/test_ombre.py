"""The dyeing algorithm against the worked examples of parity.npz."""

import numpy as np
import pytest

from ohlora_core.face.ombre import apply_ombre, dye_frame, hair_alpha, hue_rgb


def test_matches_the_worked_examples(parity):
    image, mask = parity["ombre.image"], parity["ombre.mask"]
    for params, wanted in zip(parity["ombre.params"], parity["ombre.result"], strict=True):
        made = apply_ombre(image, mask, *params)
        assert np.abs(made - wanted).max() < 1e-2


def test_dyeing_in_place_is_the_same_rounded(parity):
    image, mask = parity["ombre.image"], parity["ombre.mask"]
    for params in parity["ombre.params"]:
        frame = image.copy()
        dye_frame(frame, mask, *params)
        wanted = np.round(apply_ombre(image, mask, *params)).astype(np.uint8)
        assert np.array_equal(frame, wanted)


def test_hue_table_matches(parity):
    assert np.array_equal(hue_rgb(), parity["hue_rgb_360"])


def test_without_hair_the_image_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    made = apply_ombre(image, np.full((224, 224), 0.5, np.float32), 0.3, 0.6, 0.5)
    assert np.array_equal(made, image)
    frame = image.copy()
    dye_frame(frame, np.full((224, 224), 0.5, np.float32), 0.3, 0.6, 0.5)
    assert np.array_equal(frame, image)


@pytest.mark.parametrize(("height", "first_row"), [(1.0, 64), (0.5, 128)])
def test_no_gradient_is_a_hard_edge(height, first_row):
    mask = np.zeros((256, 256), np.float32)
    mask[64:193] = 1
    alpha = hair_alpha(mask, height, 0.0)
    assert alpha is not None
    assert not alpha[:first_row].any() and alpha[first_row:193].min() == 1


def test_gradient_rises_from_its_top_to_its_bottom():
    mask = np.zeros((256, 256), np.float32)
    mask[50:151] = 1
    alpha = hair_alpha(mask, 1.0, 0.5)
    assert alpha is not None
    assert np.allclose(alpha[[50, 75, 100, 150], 0], [0, 0.5, 1, 1], atol=1e-6)
