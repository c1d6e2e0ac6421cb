"""Pictures and masks from the face set and from anybody's folders."""

import json

import numpy as np
import pytest
from PIL import Image

from ohlora_core.errors import TrainingDataError
from ohlora_core.training.picture_sets import FaceSet, FolderSet, read_mask, to_input


@pytest.fixture
def folders(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    return images, masks


def save_picture(path, value=100, size=(256, 256)):
    pixels = np.full((*size, 3), value, np.uint8)
    np.save(path, pixels) if path.suffix == ".npy" else Image.fromarray(pixels).save(path)


def save_mask(path, value=255, size=(256, 256)):
    pixels = np.zeros(size, np.uint8)
    pixels[: size[0] // 2] = value
    np.save(path, pixels) if path.suffix == ".npy" else Image.fromarray(pixels).save(path)


def fill(folders, names=("a", "b", "c")):
    for value, name in enumerate(names):
        save_picture(folders[0] / f"{name}.png", 10 * value)
        save_mask(folders[1] / f"{name}.png")


def test_pictures_and_masks_meet_by_their_stem(folders):
    images, masks = folders
    save_picture(images / "a.jpg", 10, (512, 512))
    save_picture(images / "b.npy", 20)
    save_picture(images / "c.PNG", 30)
    save_mask(masks / "a.png", size=(512, 512))
    np.save(masks / "b.npy", np.pad(np.ones((112, 224), np.float32), ((0, 112), (0, 0))))
    save_mask(masks / "c.jpeg")
    (images / "notes.txt").write_text("not a picture")
    data = FolderSet(images, masks)
    rows = np.arange(3)
    pictures, maps = data.pictures(rows), data.masks(rows)
    assert pictures.shape == (3, 256, 256, 3) and maps.shape == (3, 1, 224, 224)
    assert pictures[:, 0, 0, 0].tolist() == pytest.approx([10, 20, 30], abs=2)
    assert maps[:, 0, :100].min() > 0.95 and maps[:, 0, 130:].max() < 0.05


def test_held_out_pairs_are_never_trained_on(folders):
    fill(folders, [f"{n:02d}" for n in range(20)])
    data = FolderSet(*folders, validation_share=0.25)
    rng = np.random.default_rng(0)
    drawn = set(data.draw_rows(500, rng).tolist())
    assert len(data.held_out) == 5 and drawn == set(range(20)) - set(data.held_out.tolist())
    assert FolderSet(*folders, validation_share=0.25).held_out.tolist() == data.held_out.tolist()


def test_soft_masks_keep_their_values(tmp_path):
    deep = np.array([[0, 32768], [65535, 16384]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_mask(tmp_path / "deep.png").ravel().tolist() == pytest.approx(
        [0, 0.5, 1, 0.25], abs=1e-4
    )
    np.save(tmp_path / "whole.npy", np.array([[0, 51], [255, 102]], np.uint8))
    assert read_mask(tmp_path / "whole.npy").ravel().tolist() == pytest.approx([0, 0.2, 1, 0.4])
    np.save(tmp_path / "bool.npy", np.array([[True, False]]))
    assert read_mask(tmp_path / "bool.npy").tolist() == [[1, 0]]


@pytest.mark.parametrize("values", [[[0.5, 1.5]], [[-0.1, 0]], [[np.nan, 0]], [0.5, 0.5]])
def test_masks_that_are_no_masks_are_named(values, tmp_path):
    np.save(tmp_path / "bad.npy", np.array(values, np.float32))
    with pytest.raises(TrainingDataError, match=r"bad\.npy"):
        read_mask(tmp_path / "bad.npy")


def test_a_missing_folder_is_named(folders, tmp_path):
    with pytest.raises(TrainingDataError, match="no folder"):
        FolderSet(tmp_path / "nothing", folders[1])


def test_an_empty_folder_lists_what_is_read(folders):
    save_mask(folders[1] / "a.png")
    with pytest.raises(TrainingDataError, match=r"images has no \.png, \.jpg, \.jpeg, \.npy files"):
        FolderSet(*folders)


def test_files_without_a_partner_are_listed(folders):
    fill(folders)
    save_picture(folders[0] / "lonely.png")
    save_mask(folders[1] / "left.png")
    with pytest.raises(TrainingDataError, match=r"2 files have no partner") as error:
        FolderSet(*folders)
    assert "lonely.png" in str(error.value) and "left.png" in str(error.value)


def test_two_files_of_one_name_are_refused(folders):
    fill(folders)
    save_picture(folders[0] / "a.jpg")
    with pytest.raises(TrainingDataError, match=r"a\.png: same name as"):
        FolderSet(*folders)


@pytest.mark.parametrize(
    ("picture", "mask", "said"),
    [
        ((256, 300), (256, 300), r"a\.png: is 256x300, must be square"),
        ((128, 128), (128, 128), r"is 128x128, must be square and at least 256"),
        ((300, 300), (256, 256), r"is 256x256, must be 300x300 like its picture, or 224x224"),
    ],
)
def test_wrong_sizes_are_named_with_the_right_ones(picture, mask, said, folders):
    save_picture(folders[0] / "a.png", size=picture)
    save_mask(folders[1] / "a.png", size=mask)
    with pytest.raises(TrainingDataError, match=said):
        FolderSet(*folders)


def test_one_pair_is_too_few(folders):
    fill(folders, ["a"])
    with pytest.raises(TrainingDataError, match="too few"):
        FolderSet(*folders)


def test_a_broken_picture_is_named(folders):
    fill(folders)
    (folders[0] / "b.png").write_bytes(b"no picture")
    with pytest.raises(TrainingDataError, match=r"b\.png: cannot be read"):
        FolderSet(*folders)


def test_a_picture_array_of_another_type_is_named(folders):
    fill(folders)
    np.save(folders[0] / "d.npy", np.zeros((256, 256, 3), np.float32))
    save_mask(folders[1] / "d.png")
    data = FolderSet(*folders)
    with pytest.raises(TrainingDataError, match=r"d\.npy: holds float32"):
        data.pictures(np.array([3]))


def save_face_set(folder, count=6, done=None):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    np.save(folder / "images.npy", rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8))
    np.save(folder / "masks.npy", np.full((count, 256, 256), 51, np.uint8))
    np.save(folder / "labels.npy", np.zeros((count, 3), np.float32))
    np.save(folder / "seeds.npy", np.arange(count))
    if done is not None:
        (folder / "progress.json").write_text(json.dumps({"done": done, "total": count}))
    return folder


def test_the_face_set_draws_finished_rows_that_are_not_held_out(tmp_path):
    faces = FaceSet(save_face_set(tmp_path / "data", done=4), held_out=2)
    rows = faces.draw_rows(200, np.random.default_rng(0))
    assert set(rows.tolist()) == {2, 3}
    assert faces.pictures(rows[:3]).shape == (3, 256, 256, 3)
    assert faces.masks(rows[:3]).mean().item() == pytest.approx(0.2, abs=1e-4)
    (tmp_path / "data" / "progress.json").unlink()
    assert faces.done == 6


def test_a_missing_face_set_says_how_it_is_made(tmp_path):
    with pytest.raises(TrainingDataError, match="train face-data"):
        FaceSet(tmp_path, held_out=2)


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(TrainingDataError, match="more than the 6 held out"):
        FaceSet(save_face_set(tmp_path / "data"), held_out=6)


def test_pictures_of_another_size_are_refused(tmp_path):
    folder = save_face_set(tmp_path / "data")
    np.save(folder / "images.npy", np.zeros((6, 128, 128, 3), np.uint8))
    with pytest.raises(TrainingDataError, match=r"images\.npy: is \(6, 128, 128, 3\), must be"):
        FaceSet(folder, held_out=2)


def test_network_input_spans_minus_one_to_one():
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    pictures[0, 0, 0] = 255
    made = to_input(pictures)
    assert made.shape == (1, 3, 2, 2) and made[0, :, 0, 0].tolist() == [1, 1, 1]
    assert made.min() == -1
