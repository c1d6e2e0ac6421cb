"""The full profiles on loopback: fetched, cut off and resumed, loaded, talked to, drawn.

A server that speaks the hub's HTTP API holds every published model under its own name and in its
own layout. Language models and S-BERTs are tiny and random, of the true architectures; the .pth
files of the faces have the true keys and shapes. All else is the code that users run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from ohlora_core.__main__ import main
from ohlora_core.chat.expression import parse_expression
from ohlora_core.core import Core, Preferences, ProfileChoice, choose_profile
from ohlora_core.events import (
    ExpressionChosen,
    FrameBatch,
    InterviewProgress,
    Notice,
    QuizGraded,
    ReplyText,
    SourcesFound,
    TurnDone,
)
from ohlora_core.face import Expression, FacePipeline, HairStyle
from ohlora_core.hub import Source
from ohlora_core.hub.local import PART_SUFFIX
from ohlora_core.hub.manifest import (
    FACE_PLACES,
    Profile,
    VectorFile,
    group_sources,
    language_sources,
    sentence_sources,
)
from ohlora_core.language import Role, full
from ohlora_core.language.base_model import LoadedBase
from ohlora_core.language.compute import Compute
from ohlora_core.sentence import SentenceTask
from ohlora_core.settings import Settings
from tests.face.published_vectors import write_faces
from tests.face.published_weights import GENERATORS
from tests.hub_server import HubServer, Request, serving
from tests.language import tiny_published as tiny
from tests.sentence.published_models import by_hand, write_sbert

PROFILES: tuple[Profile, ...] = ("v4", "v2")
ALL_IN_SHARDS = "50KB"
BESIDE = {".gitattributes": b"*.bin filter=lfs", "README.md": b"# model", "optimizer.pt": b"state"}
"""What repositories hold beside a model."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[Source, Path]:
    """The folder of every published language model and S-BERT, on its author's disk."""
    root = tmp_path_factory.mktemp("authors")
    folders: dict[Source, Path] = {}

    def new(source: Source) -> Path:
        folders[source] = root / str(len(folders))
        return folders[source]

    for profile in PROFILES:
        for base, adapter in language_sources(profile).values():
            if base not in folders:
                seed, neox = len(folders), "polyglot" in base.repo
                family, size = ("neox", ALL_IN_SHARDS) if neox else ("llama", "5GB")
                tiny.save_base(new(base), family, seed=seed, shard_size=size)
            if adapter not in folders:
                tiny.save_adapter(new(adapter), folders[base], seed=len(folders))
        for encoder in sentence_sources(profile).values():
            if encoder not in folders:
                write_sbert(new(encoder), seed=len(folders))
    return folders


class Visit(NamedTuple):
    """What two runs of the command did; the server still runs."""

    profile: Profile
    settings: Settings
    server: HubServer
    cut: str  # the file whose connection broke
    exits: tuple[int, int]
    half: list[bytes]  # half-downloaded files after the first run
    downloads: tuple[list[Request], list[Request]]
    requests: int


@pytest.fixture(scope="module", params=PROFILES)
def visit(
    request: pytest.FixtureRequest,
    published: dict[Source, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Visit]:
    """`fetch PROFILE tutor` twice: the first run loses its connection in a file of weights."""
    profile, home = request.param, tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch, serving(home, patch) as server:
        patch.chdir(home)
        patch.setenv("OHLORA_DOWNLOADS_DIR", str(home / "downloads"))
        for source, folder in published.items():
            server.add(source.repo, folder, under=source.path)
            server.add(source.repo, BESIDE)
            server.add(source.repo, folder, under=f"{source.path}/checkpoint-60".lstrip("/"))
        base, _ = language_sources(profile)["output_message"]
        files = server.repositories[base.repo]
        large = max(files, key=lambda name: len(files[name]))
        cut = f"{base.repo} > {large}"
        server.cut(cut, after=len(files[large]) // 2)
        server.cut(cut, after=0, times=100)

        first_exit = main(["fetch", profile, "tutor"])
        first = server.downloads()
        half = [path.read_bytes() for path in home.rglob(f"*{PART_SUFFIX}")]
        server.heal()
        exits = first_exit, main(["fetch", profile, "tutor"])
        downloads = first, server.downloads()[len(first) :]
        settings = Settings(
            profile=profile, data_dir=home / "data", downloads_dir=home / "downloads", seed=1
        )
        asked = len(server.requests)
        yield Visit(profile, settings, server, cut, exits, half, downloads, asked)


@pytest.fixture(scope="module")
def core(visit: Visit) -> Iterator[Core]:
    core = Core.load(visit.settings)
    yield core
    core.close()


# -- fetch -------------------------------------------------------------------------------------


def test_a_second_run_asks_only_for_what_the_cut_connection_left(visit):
    assert visit.exits == (1, 0)
    (half,) = visit.half
    repository, name = visit.cut.split(" > ")
    whole = visit.server.repositories[repository][name]
    assert 0 < len(half) <= len(whole) // 2 and whole.startswith(half)
    first, second = visit.downloads
    again = [request for request in second if request.file == visit.cut]
    assert [request.range for request in again] == [f"bytes={len(half)}-"]
    others = Counter(r.file for r in [*first, *second] if r.file != visit.cut)
    assert set(others.values()) == {1}  # no other file came twice
    assert (visit.settings.downloads_dir / "hub" / repository / name).read_bytes() == whole


def test_every_file_of_the_models_came_whole_and_nothing_else(visit, published):
    root = visit.settings.downloads_dir / "hub"
    found = {path for path in root.rglob("[!.]*") if path.is_file()}
    wanted = set()
    for source in group_sources(visit.profile):
        for path in published[source].rglob("*"):
            place = root / source.repo / source.path / path.relative_to(published[source])
            if path.is_file() and path.suffix != ".md":
                wanted.add(place)
                assert place.read_bytes() == path.read_bytes()
    assert found == wanted
    for _, adapter in language_sources(visit.profile).values():
        described = root / adapter.repo / adapter.path / "adapter_config.json"
        assert tiny.FOREIGN_BASE in described.read_text(encoding="utf-8")
    assert not list(root.rglob(f"*{PART_SUFFIX}"))


# -- load --------------------------------------------------------------------------------------


def bases(core: Core) -> dict[Role, LoadedBase]:
    return core.chat._generator._bases  # type: ignore[attr-defined]


def test_every_base_is_in_memory_once_and_its_roles_share_it(visit, core):
    sources = language_sources(visit.profile).items()
    pairs = {(base, id(bases(core)[Role(role)].model)) for role, (base, _) in sources}
    in_memory = {model for _, model in pairs}
    assert len(pairs) == len(in_memory) == {"v4": 3, "v2": 2}[visit.profile]


def test_every_role_runs_with_the_adapter_of_its_own_repository(visit, core, published):
    """The nearest of what one whole model per role gives is the role's own, and hardly differs."""
    sources = language_sources(visit.profile)
    prompt = "안녕 나는 오로라야"
    alone = {
        role: tiny.logits_alone(published[base], published[adapter], prompt, torch.float32)
        for role, (base, adapter) in sources.items()
    }
    for role, (base, _) in sources.items():
        found = tiny.logits_of(bases(core)[Role(role)], Role(role), prompt)
        others = {r: logits for r, logits in alone.items() if sources[r][0] == base}
        distances = {r: float((found - logits).norm()) for r, logits in others.items()}
        own = distances.pop(role)
        assert own < 0.02 * float(alone[role].norm())  # bfloat16 where the processor has it
        assert all(distance > 10 * own for distance in distances.values())


def test_two_roles_of_one_base_write_different_texts_under_one_seed(visit, core):
    generator = core.chat._generator
    base_of = {role: base for role, (base, _) in language_sources(visit.profile).items()}
    pair = Role.MEMORY, Role.EYES_MOUTH_POSE
    assert base_of[pair[0]] == base_of[pair[1]]
    memory, pose = (generator.generate(role, ["안녕 (요약 시작)"], seed=5)[0] for role in pair)
    assert memory[:8] != pose[:8]


def test_every_sentence_task_has_the_s_bert_of_its_own_repository(visit, core, published):
    texts = ["나 내일 친구랑 카페에 가기로 했어요", "LOSS 뭐야?"]
    for task, source in sentence_sources(visit.profile).items():
        found = core.chat._encoder.encode(SentenceTask(task), texts)
        np.testing.assert_allclose(found, by_hand(published[source], texts), atol=1e-5)


def test_auto_takes_what_was_fetched_if_the_gpu_has_room_for_it(visit, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "T4")
    compute = Compute("cuda", torch.float16, "float16: test")
    monkeypatch.setattr(full, "choose_compute", lambda four_bit: compute)
    monkeypatch.setattr(full, "free_bytes", lambda _: {0: 4 * 2**30})
    auto = visit.settings.model_copy(update={"profile": "auto"})
    lack = {"v4": None, "v2": "models"}[visit.profile]
    assert choose_profile(auto) == ProfileChoice(visit.profile, lack)
    monkeypatch.setattr(full, "free_bytes", lambda _: {0: 2 * 2**30})
    assert choose_profile(auto) == ProfileChoice("lite", lack or "memory")


# -- talk --------------------------------------------------------------------------------------


def test_a_chat_turn_arrives_whole_and_is_kept(visit, core, monkeypatch):
    asked = Counter[Role]()
    step = LoadedBase.step
    monkeypatch.setattr(
        LoadedBase,
        "step",
        lambda base, roles, *rest: asked.update(roles) or step(base, roles, *rest),
    )
    session = core.session("visitor")
    events = list(session.chat("안녕?"))
    assert not [event for event in events if isinstance(event, Notice)]
    reply = [event for event in events if isinstance(event, ReplyText)][-1]
    assert reply.done and reply.text
    (expression,) = (event for event in events if isinstance(event, ExpressionChosen))
    eyes, mouth, pose = expression.labels
    assert parse_expression(f"(눈 {eyes}, 입 {mouth}, 고개 돌림 {pose})") == expression.labels
    frames = [jpeg for event in events if isinstance(event, FrameBatch) for jpeg in event.jpegs]
    assert frames and all(jpeg.startswith(b"\xff\xd8") for jpeg in frames)
    assert isinstance(events[-1], TurnDone) and events[-1].frames == len(frames)
    assert set(asked) == {Role.OUTPUT_MESSAGE, Role.EYES_MOUTH_POSE, Role.MEMORY, Role.SUMMARY}
    (turn,) = session.history("chat")
    assert (turn.message, turn.reply) == ("안녕?", reply.text)


def test_the_tutor_answers_on_the_fetched_models(core, monkeypatch):
    for tab in ("qna", "quiz", "interview"):  # random models seldom end by themselves
        monkeypatch.setitem(full._IN_ALL, tab, 16)
    session = core.session("student")
    session.set_preferences(Preferences(core.default_face, animation=False))
    turns = {
        SourcesFound: session.qna("과적합이 뭐야?"),
        QuizGraded: session.quiz_answer(session.quiz_next().row.id, "모르겠어"),
        InterviewProgress: session.interview(""),
    }
    for kind, turn in turns.items():
        events = list(turn)
        assert [event for event in events if isinstance(event, kind)]
        reply = [event for event in events if isinstance(event, ReplyText)][-1]
        assert reply.done and reply.text
        assert isinstance(events[-1], TurnDone)


def test_loading_and_talking_asked_the_hub_for_nothing(visit, core):
    """Comes last: nobody has talked to the hub since the second run of the command."""
    assert len(visit.server.requests) == visit.requests


# -- draw --------------------------------------------------------------------------------------


def test_face_families_are_fetched_and_draw_what_the_original_networks_draw(
    hub_server, published_files, parity, tmp_path, monkeypatch
):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 20)
    for source in FACE_PLACES:
        content = published_files[source.path.removesuffix(".pth")].read_bytes()
        hub_server.add(source.repo, {source.path: content})
    vectors = []
    for version, name in GENERATORS.items():
        first = np.concatenate([parity[f"{name}.z"][:1], parity[f"{name}.label"][:1]], axis=1)
        folder = tmp_path / "author" / version
        write_faces(folder, version, {83: "hlhl"[: 3 if version == "v7" else 4]}, first)
        for path in folder.rglob("*.csv"):
            content, place = path.read_bytes(), path.relative_to(folder.parent)
            hub_server.pages[f"/raw/{place}"] = content
            vectors.append(
                VectorFile(
                    f"{hub_server.url}/raw/{place}",
                    f"faces/vectors/{place}",
                    len(content),
                    hashlib.sha256(content).hexdigest(),
                )
            )
    monkeypatch.setattr("ohlora_core.hub.listing.vector_files", lambda: vectors)
    assert main(["fetch", "faces"]) == 0
    for version, name in GENERATORS.items():
        face = FacePipeline(tmp_path / "none", version, tmp_path / "downloads")
        assert face.face_numbers() == [83]
        frame = face.render(83, [Expression(0, 0, 0)])[0]
        wanted = parity[f"{name}.image"][0].astype(np.float32).clip(-1, 1).transpose(1, 2, 0)
        assert np.abs(frame - (wanted + 1) * 127.5).mean() < 0.01 * 255
        dyed, moved = face.render(
            83, [Expression(0, 0, 0), Expression(-1, -1, 0.5)], HairStyle("fixed", 0.5)
        )
        assert dyed.shape == (256, 256, 3) and not np.array_equal(dyed, frame)
        assert not np.array_equal(dyed, moved)
