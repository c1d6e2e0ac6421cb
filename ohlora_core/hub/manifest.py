"""Which published models make up a profile, and where each is kept; nothing but tables.

Roles and tasks are named by the values of `language.Role` and `sentence.SentenceTask`. The real
merged property CNN of the v8 faces (`ohlora_v3_merged_property_cnn.pth`) has no known published
location: it is read from a local path only (`train vectors --property-cnn`) and is not listed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = [
    "FACE_PLACES",
    "GROUPS",
    "LOCAL_ONLY",
    "Group",
    "Profile",
    "Source",
    "VectorFile",
    "group_sources",
    "groups_of",
    "language_sources",
    "place_of",
    "sentence_sources",
    "vector_files",
]

Profile = Literal["v2", "v4"]
Group = Literal["v4", "v2", "tutor", "faces"]
GROUPS: tuple[Group, ...] = ("v4", "v2", "tutor", "faces")
"""What `fetch` takes; v4 and v2 hold the tutor too, so that a fetched profile is whole."""

LOCAL_ONLY = "ohlora_v3_merged_property_cnn.pth"
"""Has no known published location; only `train vectors` for v8 faces needs it."""


@dataclass(frozen=True)
class Source:
    """A model on the hub.

    Attributes:
        repo: Repository, "owner/name".
        path: Folder or file inside it; "" is the whole repository.
    """

    repo: str
    path: str = ""


def _by_author(name: str, path: str = "") -> Source:
    return Source(f"daebakgazua/{name}", path)


_KANANA_INSTRUCT = Source("kakaocorp/kanana-1.5-2.1b-instruct-2505")
_KANANA_BASE = Source("kakaocorp/kanana-1.5-2.1b-base")
_POLYGLOT = Source("EleutherAI/polyglot-ko-1.3b")

_CHAT: dict[Profile, dict[str, tuple[Source, Source]]] = {
    "v4": {
        "output_message": (_KANANA_INSTRUCT, _by_author("250624_OhLoRA_LLM_output_message")),
        "memory": (_POLYGLOT, _by_author("250526_OhLoRA_LLM_polyglot", "memory")),
        "summary": (_KANANA_BASE, _by_author("250526_OhLoRA_LLM_kanana", "summary")),
        "eyes_mouth_pose": (_POLYGLOT, _by_author("250526_OhLoRA_LLM_polyglot", "eyes_mouth_pose")),
    },
    "v2": {
        role: (_POLYGLOT, _by_author(f"250502_OhLoRA_LLM_{role}"))
        for role in ("output_message", "memory", "summary", "eyes_mouth_pose")
    },
}
_TUTOR = {
    role: (_KANANA_INSTRUCT, _by_author(f"250702_OhLoRA_{role}_llm"))
    for role in ("qna", "quiz", "interview")
}

_CHAT_SENTENCE: dict[Profile, Source] = {
    "v4": _by_author("250526_OhLoRA_LLM_SBERT", "memory_sbert/trained_sbert_model"),
    "v2": _by_author("250502_OhLoRA_LLM_SBERT"),
}
_ETHICS = _by_author("250624_OhLoRA_LLM_SBERT_Ethics")
_TUTOR_SENTENCE = {
    "qna": _by_author("250702_OhLoRA_qna_sbert"),
    "quiz": _by_author("250702_OhLoRA_quiz_sbert"),
    "interview_answer": _by_author("250702_OhLoRA_interview_sbert_output_answer"),
    "interview_next": _by_author("250702_OhLoRA_interview_sbert_next_question"),
}

_GENERATORS = "250526_OhLoRA_StyleGAN_VectorFind"
_FACE_FILES = (
    ("generators", _by_author(_GENERATORS, "stylegan_gen_vector_find_v7.pth")),
    ("generators", _by_author(_GENERATORS, "stylegan_gen_vector_find_v8.pth")),
    ("hair", _by_author("250624_OhLoRA_Hair_Segmentation", "segmentation_model_ohlora_v4.pth")),
    (
        "property_cnn",
        _by_author("250502_OhLoRA_StyleGAN_FineTuned", "stylegan_gen_fine_tuned_v2_cnn.pth"),
    ),
)
FACE_PLACES = {source: f"faces/{folder}/{source.path}" for folder, source in _FACE_FILES}
"""Face model -> its place under downloads_dir (layout: face/published.py)."""


def language_sources(profile: Profile) -> dict[str, tuple[Source, Source]]:
    """Role value -> its base model and its adapter, the tutor's roles included."""
    return _CHAT[profile] | _TUTOR


def sentence_sources(profile: Profile) -> dict[str, Source]:
    """Sentence task value -> its S-BERT, the tutor's tasks included."""
    return {"memory": _CHAT_SENTENCE[profile], "ethics": _ETHICS} | _TUTOR_SENTENCE


def group_sources(group: Group) -> list[Source]:
    """The models that one word of `fetch` stands for, each once, bases first."""
    if group == "faces":
        return list(FACE_PLACES)
    pairs = _TUTOR if group == "tutor" else language_sources(group)
    encoders = _TUTOR_SENTENCE if group == "tutor" else sentence_sources(group)
    bases = [base for base, _ in pairs.values()]
    adapters = [adapter for _, adapter in pairs.values()]
    return list(dict.fromkeys([*bases, *adapters, *encoders.values()]))


def groups_of(source: Source) -> list[Group]:
    """The words of `fetch` that bring a source; none for one that is not in the tables."""
    return [group for group in GROUPS if source in group_sources(group)]


def place_of(source: Source, path: str) -> str:
    """Where a file of a source's repository belongs under downloads_dir."""
    return FACE_PLACES.get(source) or f"hub/{source.repo}/{path}"


class VectorFile(NamedTuple):
    """A CSV file of the face vectors: its address, its place under downloads_dir, its content."""

    url: str
    place: str
    size: int  # bytes
    sha256: str


@cache
def vector_files() -> list[VectorFile]:
    """The face vectors of v7 and v8, at one commit of their GitHub repository."""
    table = json.loads(Path(__file__).with_name("face_vectors.json").read_text(encoding="utf-8"))
    return [
        VectorFile(
            f"{table['url']}/stylegan_vectorfind_{version}/{name}",
            f"faces/vectors/{version}/{name}",
            size,
            sha256,
        )
        for version, files in table["files"].items()
        for name, (size, sha256) in files.items()
    ]
