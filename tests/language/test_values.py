import pytest
import torch
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError
from ohlora_core.language.values import FILE, ValueReader, candidates, features
from ohlora_core.morphemes import analysed
from ohlora_core.training.told import Told
from ohlora_core.training.values import fit_reader, likeness, share_read


def texts(message):
    return {candidate.value for candidate in candidates(message, analysed(message))}


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("내일 강아지 병원 데려가야 돼", "강아지 병원"),
        ("요즘 와플 굽는 거 재밌어", "와플 굽기"),
        ("머리가 너무 아파", "머리 너무 아픔"),
        ("고슴도치 키워 이름은 밤톨", "고슴도치 밤톨"),
        ("어제 시험에 떨어졌어", "시험에 떨어졌음"),
        ("나 수원에 살아", "수원"),
    ],
)
def test_what_a_message_says_is_among_its_candidates(message, value):
    assert value in texts(message)


def test_a_message_without_words_has_no_candidates():
    assert texts("") == set()
    assert ValueReader().read("이름", "ㅋㅋㅋ!!") is None


def test_candidates_are_short_and_different():
    found = candidates("가나다라 " * 20, analysed("가나다라 " * 20))
    assert len({candidate.value for candidate in found}) == len(found)
    assert all(len(candidate.value) <= 24 for candidate in found)


def test_features_tell_keys_apart():
    tokens = analysed("나 수원 살아")
    candidate = candidates("나 수원 살아", tokens)[0]
    assert features("사는 곳", candidate, tokens) != features("취미", candidate, tokens)


@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    towns = ("수원", "대전", "강릉", "목포", "춘천", "포항")
    rows = [Told(f"나 {town}에 살아", "사는 곳", town) for town in towns]
    hobbies = ("등산", "낚시", "수영", "요가", "바둑", "서예")
    rows += [Told(f"주말마다 친구랑 {hobby} 해", "취미", hobby) for hobby in hobbies]
    return fit_reader(rows)


def test_a_fitted_reader_reads_words_that_it_has_not_seen(reader):
    assert reader.read("사는 곳", "나 전주에 살아") == "전주"
    assert reader.read("취미", "주말마다 동생이랑 볼링 해") == "볼링"
    told = [Told("나 여수에 살아", "사는 곳", "여수")]
    assert share_read(reader, told) == {"n": 1, "exact": 1.0, "mostly": 1.0}


def test_a_reader_is_the_same_after_saving(reader, tmp_path):
    (tmp_path / "language").mkdir()
    reader.save(tmp_path)
    assert ValueReader.load(tmp_path).read("사는 곳", "나 전주에 살아") == "전주"


def test_a_file_that_is_missing_or_of_another_shape_is_named(tmp_path):
    with pytest.raises(ModelFileError):
        ValueReader.load(tmp_path)
    (tmp_path / "language").mkdir()
    save_file({"table": torch.zeros(3, 1), "scale": torch.ones(1)}, tmp_path / FILE)
    with pytest.raises(ModelFileError):
        ValueReader.load(tmp_path)


def test_likeness_is_one_of_equal_texts_and_none_of_others():
    assert likeness("강아지 병원", "강아지병원") == 1.0
    assert likeness("가", "나") == 0.0
    assert 0 < likeness("강아지 병원", "강아지") < 1


def test_odd_letters_are_no_error():
    assert ValueReader().read("이름", "\ud83d 나는 민준") is not None
