"""Language models on a server that speaks vLLM's protocol from a script."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from ohlora_core.errors import (
    LlmGoneError,
    LlmKeyError,
    LlmModelError,
    LlmServerError,
    LlmUnreachableError,
    SettingsError,
)
from ohlora_core.events import ReplyText
from ohlora_core.language import Role
from ohlora_core.language.local import LITE_ROLES, GenerationSettings
from ohlora_core.language.remote import (
    RemoteGenerator,
    ServedModel,
    estimate_tokens,
    load_remote,
)
from ohlora_core.settings import load_settings
from tests.fakes import make_core
from tests.language.completion_server import BREAK, STALL, serving

ROLES = [role.value for role in Role]
PROMPT = "로라야 안녕? (답변 시작)"


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch):
    """Retries come at once."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.01)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def generator_of(server, **options) -> RemoteGenerator:
    models = {role: ServedModel(server.url, role.value) for role in Role}
    return RemoteGenerator(models, **options)


def replying(*pieces):
    return lambda body: pieces


def test_the_answer_streams_and_ends_at_its_mark():
    pieces = ("안녕! ", "나는 ", "오로라", "야 (답", "변 종료) 군더", "더기")
    with serving(replying(*pieces), ROLES) as server:
        deltas = list(generator_of(server).stream(Role.OUTPUT_MESSAGE, PROMPT, seed=7))
    assert "".join(deltas) == "안녕! 나는 오로라야" and len(deltas) > 2
    (body,) = server.requests
    assert (body["model"], body["prompt"], body["stream"]) == ("output_message", PROMPT, True)
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.6, 88, 7)
    assert body["stop"] == ["(답변 종료)"] and body["top_p"] == 1.0


def test_an_answer_without_its_mark_is_whole():
    with serving(replying("안녕! ", "반가워 😊"), ROLES) as server:
        assert generator_of(server).generate(Role.OUTPUT_MESSAGE, [PROMPT]) == ["안녕! 반가워 😊"]


def test_temperatures_of_the_settings_and_of_the_caller():
    settings = GenerationSettings(temperatures={"eyes_mouth_pose": 1.5}, top_p=0.6)
    with serving(replying("응"), ROLES) as server:
        generator = generator_of(server, settings=settings)
        generator.generate(Role.EYES_MOUTH_POSE, ["a"])
        generator.generate(Role.EYES_MOUTH_POSE, ["a"], temperature=0.7)
        generator.generate(Role.EYES_MOUTH_POSE, ["a"], greedy=True)
        generator.generate(Role.SUMMARY, ["a"])
    assert all(body["seed"] is None for body in server.requests), "random"
    assert [body["temperature"] for body in server.requests] == [1.5, 0.7, 0.0, 0.6]
    assert {body["top_p"] for body in server.requests} == {0.6}


def test_batches_keep_their_order_and_run_side_by_side():
    together = threading.Barrier(3)

    def script(body):
        together.wait(10)
        return [f"{body['prompt']} 답"]

    with serving(script, ROLES) as server:
        prompts = ["하나", "둘", "셋"]
        answers = generator_of(server).generate(Role.SUMMARY, prompts)
    assert answers == ["하나 답", "둘 답", "셋 답"]


def test_roles_mix_in_a_batch():
    with serving(lambda body: [f"{body['model']} {body['seed']}"], ROLES) as server:
        requests = [(Role.MEMORY, "a"), (Role.EYES_MOUTH_POSE, "b")]
        answers = list(generator_of(server).generate_mixed(requests, seeds=[5, 6]))
        assert list(generator_of(server).generate_mixed(requests[:1])) == ["memory None"]
    assert answers == ["memory 5", "eyes_mouth_pose 6"]


def test_a_slow_role_keeps_back_no_answer_before_its_own():
    taken = threading.Event()
    together = threading.Barrier(2)

    def script(body):
        together.wait(10)
        if body["model"] == "memory":
            assert taken.wait(10)
        return [body["model"]]

    with serving(script, ROLES) as server:
        requests = [(Role.EYES_MOUTH_POSE, "a"), (Role.MEMORY, "b")]
        answers = generator_of(server).generate_mixed(requests)
        assert next(answers) == "eyes_mouth_pose"
        taken.set()
        assert list(answers) == ["memory"]


def test_candidates_have_seeds_of_their_own_and_are_repeatable():
    with serving(lambda body: [str(body["seed"])], ROLES) as server:
        generator = generator_of(server)
        first = generator.sample_candidates(Role.OUTPUT_MESSAGE, PROMPT, 4, seed=3)
        again = generator.sample_candidates(Role.OUTPUT_MESSAGE, PROMPT, 4, seed=3)
        retry = generator.sample_candidates(Role.OUTPUT_MESSAGE, PROMPT, 4, seed=4)
        assert generator.generate(Role.OUTPUT_MESSAGE, []) == []
    assert first == again and len(set(first)) == 4 and first[0] == "3"
    assert not set(first) & set(retry), "a retry is not the same answers again"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status):
    failures = iter([status, status])

    def script(body):
        failed = next(failures, None)
        return [failed] if failed else ["안녕"]

    with serving(script, ROLES) as server:
        assert generator_of(server).generate(Role.OUTPUT_MESSAGE, [PROMPT]) == ["안녕"]
    assert len(server.requests) == 3


def test_a_server_that_stays_broken_is_named():
    with serving(replying(500), ROLES) as server:
        with pytest.raises(LlmServerError, match="scripted failure") as caught:
            generator_of(server).generate(Role.OUTPUT_MESSAGE, [PROMPT])
        assert server.url in caught.value.korean and len(server.requests) == 3


def test_no_server_names_address_and_setting():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    generator = RemoteGenerator(dict.fromkeys(Role, ServedModel(url, "a")))
    with pytest.raises(LlmUnreachableError) as caught:
        generator.check()
    for text in (caught.value.korean, caught.value.english):
        assert url in text and "OHLORA_LLM_URL" in text
    with pytest.raises(LlmUnreachableError):
        generator.count_tokens("안녕")


def test_the_key_is_sent_and_a_wrong_one_is_told(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of another service")
    with serving(replying("안녕"), ROLES, key="geheim") as server:
        right = generator_of(server, key="geheim")
        assert right.generate(Role.OUTPUT_MESSAGE, [PROMPT]) == ["안녕"]
        assert right.count_tokens("하나 둘") == 2
        for key in ("falsch", None):
            with pytest.raises(LlmKeyError, match="OHLORA_LLM_KEY"):
                generator_of(server, key=key).check()


def test_an_unknown_model_lists_the_served_ones():
    with serving(replying("안녕"), ["base", "output_message"]) as server:
        with pytest.raises(LlmModelError) as caught:
            generator_of(server).generate(Role.MEMORY, ["a"])
        with pytest.raises(LlmModelError):
            generator_of(server).check()
    for text in (caught.value.korean, caught.value.english):
        assert "base, output_message" in text and "'memory'" in text
        assert "OHLORA_LLM_MODELS" in text


def test_an_address_without_a_completion_server_is_an_error():
    with serving(replying("안녕"), ROLES) as server:
        model = ServedModel(f"{server.url}/elsewhere", "memory")
        with pytest.raises(LlmServerError, match="elsewhere"):
            RemoteGenerator(dict.fromkeys(Role, model)).generate(Role.MEMORY, ["a"])


ERROR_IN_STREAM = {"error": {"message": "engine died", "type": "InternalServerError", "code": 500}}


@pytest.mark.parametrize("end", [BREAK, ERROR_IN_STREAM, {"choices": []}])
def test_a_reply_that_breaks_off_is_an_error_and_not_tried_again(end):
    with serving(replying("안녕! ", "나는 ", end), ROLES) as server:
        deltas = []
        with pytest.raises(LlmGoneError) as caught:
            for delta in generator_of(server).stream(Role.OUTPUT_MESSAGE, PROMPT):
                deltas.append(delta)
    assert "".join(deltas) == "안녕! 나는" and len(server.requests) == 1
    assert "저장되지 않았어요" in caught.value.korean and "not saved" in caught.value.english


def test_a_silent_server_times_out():
    with serving(replying("안녕! ", STALL), ROLES) as server:
        start = time.monotonic()
        with pytest.raises(LlmGoneError, match="timed out"):
            generator_of(server, timeout_s=0.3).generate(Role.OUTPUT_MESSAGE, [PROMPT])
        assert time.monotonic() - start < 5


def test_cancel_ends_the_stream_and_closes_the_connection():
    cancel = threading.Event()
    with serving(replying("안녕! ", "나는 ", "오로라 ", STALL), ROLES) as server:
        deltas = generator_of(server).stream(Role.OUTPUT_MESSAGE, PROMPT, cancel=cancel)
        assert next(deltas) == "안녕!"
        cancel.set()
        assert list(deltas) == [] and server.left.wait(5)


def test_leaving_the_stream_closes_the_connection():
    with serving(replying("안녕! ", STALL), ROLES) as server:
        deltas = generator_of(server).stream(Role.OUTPUT_MESSAGE, PROMPT)
        next(deltas)
        deltas.close()
        assert server.left.wait(5)


def test_tokens_are_counted_by_the_server_or_estimated():
    with serving(replying("안녕"), ROLES) as server:
        generator = generator_of(server)
        assert generator.count_tokens("하나 둘 셋") == 3
        server.counts_tokens = False
        assert generator.count_tokens("하나 둘 셋") == 3 == estimate_tokens("하나 둘 셋")
        assert generator.count_tokens("가" * 80) == 40
    assert generator.count_tokens("가" * 81) == 41, "nobody is asked any more"
    assert estimate_tokens("") == 0


# settings


def test_roles_go_to_their_servers_and_models(monkeypatch):
    names = [f"lora-{role}" for role in LITE_ROLES if role != "quiz"]
    with (
        serving(replying("여기"), names) as main,
        serving(replying("저기"), ["polyglot"]) as other,
    ):
        monkeypatch.setenv("OHLORA_LLM_URL", f"{main.url}/v1/")
        monkeypatch.setenv("OHLORA_LLM_URLS", f" quiz={other.url}, ")
        monkeypatch.setenv("OHLORA_LLM_MODELS", "quiz=polyglot")
        monkeypatch.setenv("OHLORA_LLM_PREFIX", "lora-")
        generator = load_remote(load_settings())
        assert generator.generate(Role.QUIZ, ["a"]) == ["저기"]
        assert generator.generate(Role.SUMMARY, ["a"]) == ["여기"]
    asked = sorted(body["model"] for body in main.requests if body["max_tokens"] == 1)
    assert asked == sorted(names), "every role is tried before the first turn"
    assert generator.example_count == 3, (
        "the lite profile's models read examples, wherever they run"
    )


def test_full_models_are_asked_as_they_were_published():
    with serving(replying("응"), ROLES) as server:
        generator = load_remote(load_settings(llm_url=server.url, profile="v2"))
        generator.generate(Role.EYES_MOUTH_POSE, ["응 (표정 출력 시작)"])
    assert generator.example_count == 0
    last = server.requests[-1]
    assert (last["temperature"], last["prompt"]) == (1.5, "응 (표정 출력 시작)")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"llm_url": "localhost:8000"}, "OHLORA_LLM_URL"),
        ({"llm_url": "http://a", "llm_urls": "memory"}, "OHLORA_LLM_URLS"),
        ({"llm_url": "http://a", "llm_urls": "memory=ftp://b"}, "OHLORA_LLM_URLS"),
        ({"llm_urls": "memory=http://b"}, "OHLORA_LLM_URL"),
        ({"llm_url": "http://a", "llm_models": "=x"}, "OHLORA_LLM_MODELS"),
        ({"llm_url": "http://a", "llm_timeout_s": 0}, "OHLORA_LLM_TIMEOUT_S"),
    ],
)
def test_bad_settings_are_named(changes, named):
    with pytest.raises(SettingsError, match=named):
        load_settings(**changes)


def test_a_setting_for_an_unknown_role_lists_the_roles():
    settings = load_settings(llm_url="http://127.0.0.1:9", llm_models="mind=a")
    with pytest.raises(SettingsError, match="eyes_mouth_pose") as caught:
        load_remote(settings)
    assert "'mind'" in str(caught.value)


# a turn


SOUND = {
    "output_message": ["안녕! ", "반가워"],
    "eyes_mouth_pose": ["(눈 크게, 입 크게, ", "고개 돌림 없음)"],
    "memory": ["[이름: 민수]"],
    "summary": ["인사를 나눔"],
}


def core_with(server, folder):
    return make_core(folder, generator_of(server))


def test_a_turn_runs_on_the_server_and_is_stored(tmp_path):
    with serving(lambda body: SOUND[body["model"]], ROLES) as server:
        core = core_with(server, tmp_path)
        list(core.session("me").chat("안녕? 나는 민수야"))
        (turn,) = core.session("me").history("chat")
        assert (turn.reply, turn.summary) == ("안녕! 반가워", "인사를 나눔")
        assert [memory.text for memory in core.session("me").memories()] == ["[이름: 민수]"]
        core.close()


@pytest.mark.parametrize("role", list(SOUND))
def test_a_server_that_goes_away_in_a_turn_ends_it_and_nothing_is_stored(tmp_path, role):
    """In the middle of the reply, or of what comes after it."""
    gone = {role: [*SOUND[role][:1], BREAK]}
    answers = SOUND | gone
    with serving(lambda body: answers[body["model"]], ROLES) as server:
        core = core_with(server, tmp_path)
        shown = []
        with pytest.raises(LlmGoneError) as caught:
            for event in core.session("me").chat("안녕? 나는 민수야"):
                shown.append(event)
        assert ReplyText("안녕!" if role == "output_message" else "안녕! 반가워") in shown
        assert core.session("me").history("chat") == []
        assert core.session("me").memories() == []
        assert not caught.value.saved and "저장되지 않았어요" in caught.value.korean
        answers = SOUND
        list(core.session("me").chat("다시"))
        assert [turn.message for turn in core.session("me").history("chat")] == ["다시"]
        core.close()


def test_a_tutor_turn_that_breaks_off_is_not_stored(tmp_path):
    with serving(replying("손실 ", BREAK), ROLES) as server:
        core = core_with(server, tmp_path)
        for turn in (core.session("me").qna("손실 함수가 뭐야?"), core.session("me").interview("")):
            with pytest.raises(LlmGoneError):
                list(turn)
        for tab in ("qna", "interview"):
            assert core.session("me").history(tab) == []
        assert core.session("me").interview_progress() is None
        core.close()


def test_a_tutor_turn_that_is_stored_is_not_told_to_be_lost(tmp_path):
    """The server goes away after the reply, while her expression is chosen."""
    answers = {"qna": ["손실은 ", "차이야!"], "eyes_mouth_pose": ["(눈 크게, ", BREAK]}
    with serving(lambda body: answers[body["model"]], ROLES) as server:
        core = core_with(server, tmp_path)
        shown = []
        with pytest.raises(LlmGoneError) as caught:
            for event in core.session("me").qna("손실 함수가 뭐야?"):
                shown.append(event)
        assert ReplyText("손실은 차이야!", done=True) in shown
        assert [turn.reply for turn in core.session("me").history("qna")] == ["손실은 차이야!"]
        assert "답변은 저장했지만" in caught.value.korean
        assert "not saved" not in caught.value.english and "is saved" in caught.value.english
        core.close()
