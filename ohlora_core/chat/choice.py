"""Which of several replies she gives: the one that a reader would most likely accept.

A small network looks at how each candidate was found: how near its row is, whether it is for what
the message does, how often readers accepted its comment. It learnt from replies that were judged
(`training.choice`). Knows nothing of how candidates are found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ohlora_core.content import CommentRow, DialogueRow
from ohlora_core.errors import ModelFileError
from ohlora_core.sentence import SentenceEncoder, SentenceTask

__all__ = [
    "FILE",
    "FORMS",
    "HIDDEN",
    "Accepted",
    "Candidate",
    "Choice",
    "ReplyChooser",
    "features_of",
    "kinds_of",
    "with_judged",
]

FILE = Path("language/choice.safetensors")  # in the folder models/
FORMS = ("own", "broad", "named", "asked", "told", "alone", "remembered")
"""What a candidate is: a row's own or broad reply, or what is before a comment."""
_USUAL = 0.38  # accepted share of all candidates
_WEIGHT = 4.0  # as how many judged ones that counts
_MOST = 10.0  # judged ones of a comment that are counted
HIDDEN = 64  # units of the network
INPUTS = len(FORMS) + 26
_JUDGED = "judged"


@dataclass(frozen=True)
class Candidate:
    """A reply that may be given.

    Attributes:
        reply: The text.
        form: One of `FORMS`.
        act: What the messages do that it is for; "" if that is not known.
        row: The row whose reply it is, with words of the message in it; None for a comment.
        comment: The comment; None for a row.
        score: Cosine and bonuses of the row, 0 for a comment.
        cosine: Of the message with that of the row or the comment; of a comment that fits any
            message, about 0.62.
        near: Cosine of the message, or of a sentence of it, with that of the row.
    """

    reply: str
    form: str
    act: str
    row: DialogueRow | None = None
    comment: CommentRow | None = None
    score: float = 0.0
    cosine: float = 0.0
    near: float = 0.0


@dataclass(frozen=True)
class Choice:
    """A message and what may be answered.

    Attributes:
        message: What the user said.
        memory: The memory before it, if any.
        summary: The summary before it, if any.
        shares: Cosine of the message with each speech act by its name.
        candidates: At least one.
    """

    message: str
    memory: str | None
    summary: str | None
    shares: Mapping[str, float]
    candidates: Sequence[Candidate]


Accepted = dict[str, tuple[float, float]]
"""How many candidates of a kind were accepted, and how many were judged; see `kinds_of`."""


def kinds_of(candidate: Candidate) -> tuple[str, str | None]:
    """Names of what a candidate shares with others: its form and act, and its comment."""
    form = "row" if candidate.row else candidate.form
    return f"{form}|{candidate.act}", candidate.comment.comment if candidate.comment else None


def features_of(choice: Choice, encoder: SentenceEncoder) -> np.ndarray:
    """[candidates, INPUTS - 3] float32: how each candidate was found, and how it is like the rest.

    Args:
        choice: Message and candidates.
        encoder: The S-BERTs (tasks RANKING and RETRIEVAL).
    """
    message, candidates = choice.message, choice.candidates
    replies = [candidate.reply for candidate in candidates]
    fit = encoder.similarity(SentenceTask.RANKING, message, replies)
    alike = encoder.similarity(SentenceTask.RETRIEVAL, message, replies)
    follows = np.zeros(len(replies))
    if choice.summary:
        follows = encoder.similarity(SentenceTask.RANKING, choice.summary, replies)
    best = max((one.score for one in candidates if one.row), default=0.0)
    first, second = sorted([0.0, 0.0, *choice.shares.values()])[:-3:-1]
    table = []
    for place, one in enumerate(candidates):
        share = choice.shares.get(one.act, 1.0)
        table.append(
            [
                *(one.form == form for form in FORMS),
                one.score,
                one.cosine if one.row else 0.0,
                one.near,
                best,
                one.score - best if one.row else 0.0,
                0.0 if one.row else one.cosine,
                fit[place],
                alike[place],
                follows[place],
                share,
                first,
                first - second,
                share - first,
                len(message),
                len(one.reply),
                "?" in message,
                "?" in one.reply,
                one.reply.count("!"),
                choice.memory is not None,
                choice.summary is not None,
                bool(one.row and one.row.summary),
                bool(one.row and one.row.memory),
                bool(one.comment and not one.comment.message),
            ]
        )
    return np.array(table, dtype=np.float32)


def with_judged(table: np.ndarray, choice: Choice, accepted: Accepted) -> np.ndarray:
    """[candidates, INPUTS] float32: `features_of`, and how others of their kind were judged."""
    judged = []
    for one in choice.candidates:
        of_act, of_comment = (accepted.get(kind or "", (0.0, 0.0)) for kind in kinds_of(one))
        judged.append([_share(*of_act), _share(*of_comment), min(of_comment[1], _MOST)])
    return np.hstack([table, np.array(judged, dtype=np.float32)])


def _share(accepted: float, judged: float) -> float:
    return (accepted + _WEIGHT * _USUAL) / (judged + _WEIGHT)


class ReplyChooser(nn.Module):
    """Features -> how likely a reader accepts the reply.

    Args:
        accepted: What readers judged before.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.accepted = accepted
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.layers = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, table: Tensor) -> Tensor:
        """[n] logits of [n, INPUTS] features."""
        logits: Tensor = self.layers((table - self.mean) / self.scale)
        return logits[:, 0]

    def best(self, choice: Choice, encoder: SentenceEncoder) -> Candidate:
        """The candidate that is most likely accepted."""
        return choice.candidates[self.place_of_best(features_of(choice, encoder), choice)]

    @torch.inference_mode()
    def place_of_best(self, table: np.ndarray, choice: Choice) -> int:
        """Which candidate is most likely accepted, by what `features_of` says of the choice."""
        judged = with_judged(table, choice, self.accepted)
        return int(self(torch.from_numpy(judged)).argmax())

    def save(self, models_dir: Path) -> None:
        """Write weights and counts to `models_dir / FILE`."""
        counts = {_JUDGED: json.dumps(self.accepted, ensure_ascii=False)}
        save_file(self.state_dict(), models_dir / FILE, metadata=counts)

    @classmethod
    def load(cls, models_dir: Path) -> ReplyChooser:
        """The chooser of the folder models/, ready to use.

        Raises:
            ModelFileError: if its file is missing or broken.
        """
        path = models_dir / FILE
        try:
            with safe_open(str(path), framework="pt") as file:
                counts = json.loads(file.metadata()[_JUDGED])
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            chooser = cls({kind: (accepted, judged) for kind, (accepted, judged) in counts.items()})
            chooser.load_state_dict(weights)
        except Exception as error:  # the libraries raise many types for a damaged file
            raise ModelFileError(path, detail=f"{type(error).__name__}: {error}") from error
        return chooser.eval()
