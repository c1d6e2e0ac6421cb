"""Evaluation on a user's CSV: the table reader, each task on fakes, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ohlora_core.__main__ import main
from ohlora_core.content import load_quiz
from ohlora_core.errors import EvaluationFileError, SettingsError
from ohlora_core.evaluation.files import FILE_TASKS, Models, evaluate_file
from ohlora_core.language import NO_FACT, Role
from ohlora_core.sentence import SentenceTask
from ohlora_core.settings import Settings
from ohlora_core.tutor.interview_track import LABELS, TOPICS
from tests.fakes import FakeEncoder, FakeGenerator, make_settings


@pytest.fixture
def models(tmp_path: Path, generator: FakeGenerator, encoder: FakeEncoder) -> Models:
    """The fakes in place of the models of a profile."""
    made = Models(make_settings(tmp_path / "data"))
    made.generator, made.encoder = generator, encoder
    return made


def write(text: str, encoding: str = "utf-8") -> Path:
    path = Path("mine.csv")  # the working folder of a test is its own
    path.write_bytes(text.encode(encoding))
    return path


def run(models: Models, task: str, text: str, encoding: str = "utf-8") -> list[dict]:
    results = list(evaluate_file(task, write(text, encoding), models))
    json.dumps(results, allow_nan=False)  # each is fit for one line of JSON
    return results


def complaint(models: Models, task: str, text: str, encoding: str = "utf-8") -> str:
    with pytest.raises(EvaluationFileError) as caught:
        run(models, task, text, encoding)
    assert "mine.csv" in caught.value.korean and "mine.csv" in caught.value.english
    return caught.value.text("en")


def set_cosines(encoder: FakeEncoder, task: SentenceTask, text: str, cosines: dict) -> None:
    encoder.overrides |= {(task, text, other): value for other, value in cosines.items()}


# ethics
NO_OFFENCE = {"일반": 0.9, "사랑 고백/만남": 0.0, "정치": 0.0, "패드립": 0.0, "혐오/기타": 0.0}


def test_ethics_decides_as_the_guard_does(models, encoder):
    def scored(text: str, **changes: float) -> None:
        names = {
            "general": "일반",
            "love": "사랑 고백/만남",
            "politics": "정치",
            "hate": "혐오/기타",
        }
        changed = {names[key]: value for key, value in changes.items()}
        set_cosines(encoder, SentenceTask.ETHICS, text, NO_OFFENCE | changed)

    scored("안녕", general=1.0)
    scored("사귀자", general=0.1, love=0.95)
    scored("대통령", general=0.6, politics=0.95)  # ordinary enough: the guard lets it pass
    scored("꺼져", general=0.1, hate=0.85)  # below its threshold
    scored("둘 다", general=0.1, hate=0.96, love=0.92)  # the stronger of two
    (result,) = run(
        models,
        "ethics",
        "text,category\n안녕,일반\n사귀자,love\n대통령,정치\n꺼져,혐오 / 기타\n둘 다,HATE\n",
    )
    assert (result["task"], result["profile"]) == ("ethics", "lite")
    assert result["n"] == 5 and result["accuracy"] == 0.6
    assert result["recall"] == {"사랑 고백/만남": 1.0, "일반": 1.0, "정치": 0.0, "혐오/기타": 0.5}
    wanted = np.zeros((5, 5))
    wanted[range(5), [0, 1, 2, 4, 4]] = 1  # 일반, 사랑, 정치, 패드립, 혐오
    given = np.zeros((5, 5))
    given[:, 0] = [1.0, 0.1, 0.6, 0.1, 0.1]
    given[1, 1], given[2, 2], given[3, 4], given[4, 4], given[4, 1] = 0.95, 0.95, 0.85, 0.96, 0.92
    assert result["mse"] == round(float(((given - wanted) ** 2).mean()), 4)
    assert result["mae"] == round(float(np.abs(given - wanted).mean()), 4)
    assert result["corr"] == round(float(np.corrcoef(given.ravel(), wanted.ravel())[0, 1]), 4)


def test_an_unknown_category_lists_the_known_ones(models):
    message = complaint(models, "ethics", "text,category\n안녕,일반\n메롱,장난\n")
    assert "row 3, column 'category': '장난'" in message
    assert "일반 | 사랑 고백/만남 | 정치 | 패드립 | 혐오/기타" in message


# memory, quiz, retrieval
def test_memory_compares_the_message_with_the_stored_form(models, encoder):
    texts = [("내 이름 뭐게?", "[이름: 민준]", 0.9), ("배고파", "[나이: 20]", 0.1)]
    (result,) = run(
        models,
        "memory",
        "memory,message,similarity\n(이름:민준),내 이름 뭐게?,0.9\n[나이: 20],배고파,0.1\n",
    )
    cosines = [encoder.similarity(SentenceTask.MEMORY, a, [b])[0] for a, b, _ in texts]
    errors = np.array(cosines) - [score for *_, score in texts]
    assert result["mse"] == round(float((errors**2).mean()), 4)
    assert result["mae"] == round(float(np.abs(errors).mean()), 4)
    assert result["corr"] is None  # two points always lie on a line


def test_quiz_gives_the_grades_of_the_app(models, encoder):
    for answer, cosine in (("맞아", 0.98), ("몰라", -0.3), ("반쯤", 0.52), ("조금", 0.33)):
        set_cosines(encoder, SentenceTask.QUIZ, answer, {"정답": cosine})
    (result,) = run(
        models,
        "quiz",
        "question,model_answer,user_answer,score\nq,정답,맞아,1\nq,정답,몰라,0\nq,정답,반쯤,0.5\n"
        "q,정답,조금,0.55\n",
    )
    assert (result["n"], result["mse"], result["mae"]) == (4, 0.01, 0.05)  # one grade is 0.35
    assert 0.9 < result["corr"] < 1


def test_retrieval_looks_for_the_best_of_all_passages(models):
    (result,) = run(
        models,
        "retrieval",
        "question,passage,score\n"
        "과적합이 뭐야,과적합이 뭐야 하면,1\n"
        "과적합이 뭐야,손실 함수의 정의,0.1\n"
        "손실 함수란,학습률과 배치,0.95\n"  # another passage of the file is nearer
        "정규화는,정규화는 이렇게,0.5\n",  # no right passage: not counted
    )
    assert (result["n"], result["questions"], result["passages"]) == (4, 2, 4)
    assert result["hit@1"] == 0.5
    assert {"mse", "mae", "corr"} <= result.keys()


def test_retrieval_without_a_right_passage_has_no_hit_rate(models):
    (result,) = run(models, "retrieval", "question,passage,score\n가나,다라,0.2\n")
    assert result["hit@1"] is None and result["questions"] == 0


@pytest.mark.parametrize("number", ["0,9", "높음", "85", "-0.1", "nan", "", "90%"])
def test_an_unreadable_number_names_its_place(models, number):
    message = complaint(
        models, "memory", f'memory,message,similarity\n[a: b],하이,0.5\n[a: b],하이,"{number}"\n'
    )
    assert "row 3, column 'similarity'" in message


# interview
def test_interview_answers_are_labelled_as_in_the_app(models, encoder):
    right = "BCE Loss 설명 -> 공식은 이거야"
    wrong = "LoRA -> 몰라"
    others = dict.fromkeys(LABELS, 0.0)
    task = SentenceTask.INTERVIEW_ANSWER
    set_cosines(encoder, task, right, others | {"수식": 0.9, "핵심 아이디어": 0.3})
    set_cosines(encoder, task, wrong, others | {"LoRA": 0.8, "답변 실패": 0.6})
    (result,) = run(
        models,
        "interview-answer",
        "topic,user_answer,label\nBCE Loss 설명,공식은 이거야,수식\nLoRA,몰라,답변 실패\n",
    )
    assert (result["n"], result["accuracy"]) == (2, 0.5)
    assert result["mean_diff"] == pytest.approx((0.6 - 0.2) / 2)


@pytest.mark.parametrize(
    ("answer", "label", "asked"),
    [
        ("논문 썼어", "기본 경험", "기본 경험"),
        ("논문 썼어", "상세 경험", "상세 경험"),
        ("논문 썼어", "답변 실패", "기본 경험"),
        ("[상세 경험] 논문 썼어", "답변 실패", "상세 경험"),
    ],
)
def test_the_experience_topic_says_what_is_asked_for(models, encoder, answer, label, asked):
    text = f"Loss Function 관련 실무 경험 -> [{asked}] 논문 썼어"
    cosines = dict.fromkeys(LABELS, 0.0) | {label: 1.0}
    set_cosines(encoder, SentenceTask.INTERVIEW_ANSWER, text, cosines)
    row = f"Loss Function 관련 실무 경험,{answer},{label}"
    (result,) = run(models, "interview-answer", f"topic,user_answer,label\n{row}\n")
    assert (result["accuracy"], result["mean_diff"]) == (1.0, 1.0)


def test_the_next_topic_is_chosen_as_in_the_app(models, encoder):
    task, topic = SentenceTask.INTERVIEW_NEXT, "BCE Loss 설명"
    following = TOPICS[TOPICS.index(topic) + 1]
    zero = dict.fromkeys(TOPICS, 0.0)
    open_text = f"{topic} -> 아마도 (남은 답변: 핵심 아이디어, 수식)"
    solved_text = f"{topic} -> 공식! (남은 답변: 모든 질문 해결 완료)"
    passed = {"거대 언어 모델 정의": 1.0}  # lies behind: no candidate
    set_cosines(encoder, task, open_text, zero | passed | {topic: 0.8})
    set_cosines(encoder, task, solved_text, zero | {topic: 0.9, following: 0.7})
    (result,) = run(
        models,
        "interview-next",
        "topic,user_answer,remaining,next\n"
        f'{topic},아마도,"핵심 아이디어, 수식",{topic}\n'
        f'{topic},공식!,모든 질문 해결 완료,"{following}"\n'
        f'{topic},공식!,,"{following}"\n'
        f"{topic},공식!,,LoRA\n"
        "마지막 할 말,고마워,마지막 할 말,면접 종료\n",  # fixed by the track
    )
    assert result["n"] == 5 and result["accuracy"] == 0.8


@pytest.mark.parametrize(
    ("row", "column", "listed"),
    [
        ("LoRA,몰라,LoRA,끝", "next", "면접 종료"),
        ("로라,몰라,LoRA,LoRA", "topic", "BCE Loss 설명"),
        ("LoRA,몰라,수식,LoRA", "remaining", "LoRA | 모든 질문 해결 완료"),
        ("면접 종료,몰라,,LoRA", "topic", "LoRA"),
        ("LoRA,,,LoRA", "user_answer", "empty"),
    ],
)
def test_an_unknown_name_of_the_track_lists_the_known_ones(models, row, column, listed):
    message = complaint(models, "interview-next", f"topic,user_answer,remaining,next\n{row}\n")
    assert f"row 2, column '{column}'" in message and listed in message


# chat, qna, explain
def test_chat_answers_every_row_with_the_engine(models, generator):
    rows = run(
        models,
        "chat",
        "message,memory,summary,now\n"
        "오늘 뭐 하지?,,,토요일 오후\n"
        "내 이름 뭐게?,[이름: 내 이름 뭐게],,2025-07-02 9:05\n"
        "그거 좋아?,,마라탕을 좋아함,2025-07-02T23:30:00+00:00\n",
    )
    assert [row["row"] for row in rows] == [2, 3, 4]
    assert [row["now"] for row in rows] == ["토요일 오후", "수요일 오전", "목요일 오전"]
    prompts = generator.prompts_of(Role.OUTPUT_MESSAGE)
    assert prompts[0].startswith("(지금은 토요일 오후) 오늘 뭐 하지?")
    assert prompts[1].startswith("[이름: 내 이름 뭐게] 내 이름 뭐게?")
    assert prompts[2].startswith("(오로라 답변 요약) 마라탕을 좋아함 (사용자 질문) 그거 좋아?")
    assert rows[1]["memory_used"] == "[이름: 내 이름 뭐게]"
    for row in rows:
        assert row["reply"] == "안녕! 나는 오로라야 😊" and row["summary"] == "인사"
        assert row["expression"] == {"eyes": "크게", "mouth": "크게", "pose": "없음"}
        assert row["memory"] is None


def test_chat_needs_only_messages_and_repeats_itself(models, generator):
    seeds = []
    stream = generator.stream
    generator.stream = lambda *a, seed=None, **k: seeds.append(seed) or stream(*a, seed=seed, **k)
    generator.answers[Role.MEMORY] = "{이름:민준}"
    first, second = run(models, "chat", "message\n안녕\n나는 민준이야\n")
    assert (first["memory_used"], second["memory"]) == (None, "[이름: 민준]")
    assert len(set(seeds)) == 1 and seeds[0] is not None


def test_chat_takes_several_memories(models):
    (row,) = run(models, "chat", 'message,memory\n내 나이는?,"[나이: 내 나이는?] [이름: 민준]"\n')
    assert row["memory_used"] == "[나이: 내 나이는?]"


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("memory", "이름은 민준"),
        ("memory", "[이름 민준]"),
        ("memory", "[이름: 민준] 그리고 [나이: 20]"),
        ("memory", "나 [이름: 민준]"),
        ("now", "내일"),
        ("now", "2025-07-02"),
        ("now", "2025-13-02 10:00"),
    ],
)
def test_a_memory_or_time_in_another_form_is_refused(models, generator, column, text):
    message = complaint(models, "chat", f"message,{column}\n안녕,\n안녕,{text}\n")
    assert f"row 3, column '{column}'" in message
    assert not generator.prompts  # nothing was generated before the whole file was checked


def test_qna_answers_from_the_passage_or_from_our_facts(models, generator, encoder):
    encoder.thresholds["qna"] = 0.95
    rows = run(
        models,
        "qna",
        "question,passage\n과적합이 뭐야?,과적합은 외우는 것이다. (답변 종료)\n"
        "과적합이 뭐야?,\n오늘 저녁 뭐 먹지,\n",
    )
    assert rows[0]["answer"] == "손실 함수는 예측과 정답의 차이를 재는 함수야!"
    assert [source["text"] for source in rows[0]["sources"]] == [
        "과적합은 외우는 것이다. 답변 종료"
    ]
    assert rows[1]["sources"][0]["score"] >= models.encoder.threshold("qna")
    assert rows[2]["sources"] == []
    first, second, third = generator.prompts_of(Role.QNA)
    assert first.startswith("(제공된 정보) 과적합은 외우는 것이다. 답변 종료 (사용자 질문)")
    assert rows[1]["sources"][0]["text"] in second
    assert NO_FACT in third


def test_explain_works_on_any_question(models, generator):
    known = load_quiz()[0]
    rows = run(
        models,
        "explain",
        "question,model_answer,user_answer\n"
        f'"{known.question}","{known.model_answer}","{known.model_answer}"\n'
        "하늘은 왜 파래?,빛의 산란 때문이다,(모범 답안) 그냥\n",
    )
    assert [row["explanation"] for row in rows] == ["핵심은 잘 잡았어!"] * 2
    assert rows[0]["score"] == 1.0 and 0 <= rows[1]["score"] < 1
    prompt = generator.prompts_of(Role.QUIZ)[1]
    assert prompt.startswith("(퀴즈 문제) 하늘은 왜 파래? (모범 답안) 빛의 산란 때문이다")
    assert prompt.count("(모범 답안)") == 1


# the table
TABLE = "text,category\n안녕 로라야,일반\n오늘 뭐 해?,일반\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_give_the_same_numbers(models, encoding, newline):
    plain = run(models, "ethics", TABLE)
    assert run(models, "ethics", TABLE.replace("\n", newline), encoding) == plain


def test_order_case_other_columns_and_blank_lines_do_not_matter(models):
    other = '번호, Category ,text,\n1,일반,"안녕 로라야",\n\n,,\n2,일반,오늘 뭐 해?\n'
    assert run(models, "ethics", other) == run(models, "ethics", TABLE)


def test_rows_are_counted_as_a_spreadsheet_counts_them(models):
    message = complaint(models, "ethics", 'text,category\n"두\n줄",일반\n\n안녕,모름\n')
    assert "row 4," in message


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode("utf-16"),
        TABLE.encode("utf-16-le"),
        "text,category\nこんにちは、元気ですか,general\n".encode("shift_jis"),
        "text,category\ncafé olé,general\n".encode("latin-1"),
        TABLE.encode()[:-3],  # cut in the middle of a syllable
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xfe\x8a",  # a spreadsheet itself
    ],
)
def test_another_encoding_is_named_as_such(models, content):
    path = Path("mine.csv")
    path.write_bytes(content)
    with pytest.raises(EvaluationFileError, match="neither UTF-8 nor CP949"):
        list(evaluate_file("ethics", path, models))


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("", "is empty"),
        ("\ufeff\n \n", "is empty"),
        ("text,category\n", "no rows"),
        ("text,category\n,\n", "no rows"),
        ("text;category\n안녕;일반\n", "Found: text;category"),
        ("text,label,메모\n안녕,일반,x\n", "lacks the columns category. Found: text, label, 메모"),
        ("text,category\n안녕, 로라야,일반\n", "row 2 has 3 cells for 2 columns"),
        ("text,category\n,일반\n", "row 2, column 'text': is empty"),
        ("text,category\n안녕\n", "row 2, column 'category': is empty"),
        ('text,category\n"안녕,일반\n', "not valid CSV"),
    ],
)
def test_a_file_that_is_no_such_table_says_what_is_wrong(models, text, english):
    assert english in complaint(models, "ethics", text)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_path_that_is_no_file_is_named(models, name):
    with pytest.raises(EvaluationFileError, match="경로"):
        list(evaluate_file("ethics", Path(name), models))


# the command line
@pytest.fixture
def loaded(monkeypatch, generator, encoder) -> list[str]:
    """The fakes behind the loaders; what was loaded, by name and profile."""
    names: list[str] = []

    def loader(name: str, fake: object):
        def load(settings: Settings) -> object:
            names.append(f"{name} {settings.profile}")
            return fake

        return load

    monkeypatch.setattr("ohlora_core.evaluation.files.models.load_encoder", loader("S", encoder))
    monkeypatch.setattr(
        "ohlora_core.evaluation.files.models.load_generator", loader("L", generator)
    )
    return names


def test_the_command_prints_one_line_and_loads_what_it_needs(capsys, loaded):
    assert main(["eval", "ethics", "--file", str(write(TABLE)), "--profile", "v4"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["profile"] == "v4"
    assert loaded == ["S v4"]


def test_the_command_prints_a_line_per_row(capsys, loaded):
    assert main(["eval", "chat", "--file", str(write("message\n안녕\n뭐 해?\n"))]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert sorted(loaded) == ["L lite", "S lite"]


def test_a_bad_file_ends_the_command_before_anything_is_loaded(capsys, loaded):
    assert main(["eval", "quiz", "--file", str(write(TABLE))]) == 1
    error = capsys.readouterr().err
    assert "열이 없어요: question, model_answer, user_answer, score" in error
    assert not loaded


def test_a_task_that_takes_no_file_lists_those_that_do(capsys, models):
    assert main(["eval", "face", "--file", str(write(TABLE))]) == 1
    error = capsys.readouterr().err
    assert all(name in error for name in FILE_TASKS) and "[memory]" in error
    assert main(["eval", "--file", str(write(TABLE))]) == 1
    assert main(["eval", "chat"]) == 1
    assert "--file" in capsys.readouterr().err
    with pytest.raises(SettingsError):
        list(evaluate_file("", write(TABLE), models))


def test_an_unknown_profile_and_one_without_a_file_are_refused(capsys):
    assert main(["eval", "ethics", "--file", str(write(TABLE)), "--profile", "v3"]) == 1
    assert "v3" in capsys.readouterr().err
    assert main(["eval", "ethics", "--profile", "v4"]) == 1
    assert "--file" in capsys.readouterr().err


def test_a_profile_that_is_not_here_says_how_to_get_it(capsys, monkeypatch):
    def first_missing(sources, local, *_):  # without the import of torch
        local(sources["ethics"])

    monkeypatch.setattr("ohlora_core.sentence.load_published", first_missing)
    assert main(["eval", "ethics", "--file", str(write(TABLE)), "--profile", "v4"]) == 1
    error = capsys.readouterr().err
    assert "python -m ohlora_core fetch v4" in error and "250624_OhLoRA_LLM_SBERT_Ethics" in error
