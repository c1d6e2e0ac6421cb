import pytest

from ohlora_core.errors import DownloadError
from ohlora_core.hub import Source
from ohlora_core.hub.layout import locate, needed_files

POLYGLOT = "daebakgazua/250526_OhLoRA_LLM_polyglot"
MEMORY = Source(POLYGLOT, "memory")
ADAPTER = Source("daebakgazua/250502_OhLoRA_LLM_memory")


def adapter(folder):
    prefix = f"{folder}/" if folder else ""
    return [f"{prefix}adapter_config.json", f"{prefix}adapter_model.safetensors"]


def test_a_model_is_where_the_table_says():
    assert locate(MEMORY, adapter("memory") + adapter("eyes_mouth_pose")) == "memory"
    assert locate(ADAPTER, [*adapter(""), *adapter("old")]) == ""


@pytest.mark.parametrize("folder", ["v4/memory", "memory/final", "adapter", ""])
def test_a_moved_adapter_is_found_by_its_config(folder):
    assert locate(MEMORY, [*adapter(folder), "README.md"]) == folder


def test_of_several_moved_adapters_the_one_of_its_name_is_taken():
    names = adapter("new/memory/final") + adapter("new/eyes_mouth_pose/final") + adapter("x")
    assert locate(MEMORY, names) == "new/memory/final"


def test_the_adapter_of_another_role_is_never_taken():
    assert locate(MEMORY, adapter("eyes_mouth_pose")) is None
    assert locate(MEMORY, adapter("eyes_mouth_pose/final")) is None


def test_check_points_of_a_training_do_not_count():
    assert locate(ADAPTER, adapter("checkpoint-80") + adapter("out")) == "out"


def test_several_that_could_be_it_are_listed_and_none_is_taken():
    with pytest.raises(DownloadError, match="first, second"):
        locate(ADAPTER, adapter("first") + adapter("second"))


def test_a_file_is_found_by_its_name():
    source = Source("some/faces", "generator.pth")
    assert locate(source, ["generator.pth", "old/generator.pth"]) == "generator.pth"
    assert locate(source, ["models/generator.pth", "other.pth"]) == "models/generator.pth"
    assert locate(source, ["other.pth"]) is None


def test_an_s_bert_comes_with_its_modules():
    names = ["modules.json", "config.json", "model.safetensors", "1_Pooling/config.json"]
    source = Source("some/sbert")
    assert locate(source, names) == ""
    assert needed_files("", names) == sorted(names)
    below = [f"memory_sbert/{name}" for name in names]
    assert locate(source, below) == "memory_sbert"
    assert needed_files("memory_sbert", [*names, *below]) == sorted(below)


def test_only_what_a_model_is_loaded_from_is_needed():
    names = [
        *("config.json", "tokenizer.json", "vocab.txt", "chat_template.jinja", "tokenizer.model"),
        *("model-00001-of-00002.safetensors", "model.safetensors.index.json"),
        *("pytorch_model.bin", "training_args.bin", "optimizer.pt", "README.md", ".gitattributes"),
        *("runs/events.out", "checkpoint-8/model.safetensors", "onnx/model.onnx", "tf_model.h5"),
    ]
    assert needed_files("", names) == sorted(names[:7])


def test_pickled_weights_are_needed_where_there_are_no_others():
    names = ["adapter_config.json", "adapter_model.bin", "training_args.bin"]
    assert needed_files("", names) == names[:2]
    assert needed_files("", ["1_Dense/pytorch_model.bin", "model.safetensors"]) == [
        "1_Dense/pytorch_model.bin",
        "model.safetensors",
    ]
