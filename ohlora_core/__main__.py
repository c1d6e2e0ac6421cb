"""The command line: python -m ohlora_core train | eval | bench | fetch | moderation.

Results go to stdout, one JSON object a line; logs and progress go to stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import logging
import sys
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ohlora_core.errors import OhLoraError, SettingsError
from ohlora_core.hub.manifest import GROUPS
from ohlora_core.settings import load_settings

TRAINERS = {
    "tokenizer": "tokenizer",
    "language": "language_model",
    "adapters": "adapters",
    "sentence": "sentence",
    "values": "values",
    "choice": "choice",
    "face-data": "face_data",
    "generator": "generator",
    "property-cnn": "property_cnn",
    "hair": "hair",
    "vectors": "vectors",
}
"""Name on the command line -> module of ohlora_core.training with `Options` and `train`."""

BENCHES = ("turn", "face", "page")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 with a message on stderr for an error of the user."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    for requests in ("httpx", "httpx2"):
        logging.getLogger(requests).setLevel(logging.WARNING)
    words = sys.argv[1:] if arguments is None else arguments
    parsed = _parser(words).parse_args(words)
    try:
        for result in parsed.run(parsed):
            print(json.dumps(result, ensure_ascii=False), flush=True)
    except OhLoraError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ohlora_core")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train an embedded model (resumes where it stopped)")
    models = train.add_subparsers(required=True, metavar="MODEL")
    # only the asked-for trainer is imported: each pulls in heavy libraries
    asked = next((name for name in words[1:] if name in TRAINERS), None)
    for name in TRAINERS:
        model = models.add_parser(name)
        model.set_defaults(run=_train, trainer=name)
        if name == asked:
            _add_option_flags(model, _trainer(name).Options)

    evaluate = commands.add_parser("eval", help="metrics of the models on our held-out splits")
    evaluate.add_argument("task", nargs="?", help="one task; all by default")
    evaluate.add_argument("--file", type=Path, help="a CSV file of yours instead of our splits")
    evaluate.add_argument("--profile", help="with --file or memory-cases: lite, v2 or v4")
    evaluate.add_argument("--sheet", type=Path, help="with memory-cases, replies: JSON lines")
    evaluate.set_defaults(run=_evaluate)

    bench = commands.add_parser("bench", help="speed: medians of real turns, frames, pages")
    bench.add_argument("what", nargs="?", choices=BENCHES, help="by default turn and face")
    bench.add_argument(
        "--turns", type=int, help="chat turns to measure: by default 50, on the page 10"
    )
    bench.add_argument("--layers", action="store_true", help="a row per layer of the generator")
    bench.set_defaults(run=_bench)

    fetch = commands.add_parser("fetch", help="download the published models (resumes)")
    fetch.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP", help=" ".join(GROUPS))
    fetch.add_argument("--dry-run", action="store_true", help="only list files and sizes")
    fetch.set_defaults(run=_fetch)

    moderation = commands.add_parser("moderation", help="list sanctions, lift a block")
    actions = moderation.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list").set_defaults(run=_list_sanctions)
    lift = actions.add_parser("lift")
    lift.add_argument("id", help="user id, as `moderation list` prints it")
    lift.set_defaults(run=_lift)
    return parser


def _trainer(name: str) -> Any:
    return importlib.import_module(f"ohlora_core.training.{TRAINERS[name]}")


def _add_option_flags(parser: argparse.ArgumentParser, options: type) -> None:
    """One flag per field of a dataclass; the type comes from its annotation."""
    hints = typing.get_type_hints(options)
    for field in dataclasses.fields(options):
        flag = f"--{field.name.replace('_', '-')}"
        if typing.get_origin(hints[field.name]) is typing.Literal:
            parser.add_argument(flag, choices=typing.get_args(hints[field.name]))
            continue
        kind = next(
            (t for t in (hints[field.name], *typing.get_args(hints[field.name])) if t in _SIMPLE),
            None,
        )
        if kind is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        elif kind is not None:
            parser.add_argument(flag, type=kind)


_SIMPLE = (bool, int, float, str, Path)


def _train(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    trainer = _trainer(parsed.trainer)
    names = {field.name for field in dataclasses.fields(trainer.Options)}
    given = {k: v for k, v in vars(parsed).items() if k in names and v is not None}
    result = trainer.train(trainer.Options(**given))
    yield {"trained": parsed.trainer, **(result or {})}


def _evaluate(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    settings = load_settings(profile=parsed.profile)
    if parsed.file:
        from ohlora_core.evaluation.files import Models, evaluate_file

        yield from evaluate_file(parsed.task or "", parsed.file, Models(settings))
        return
    from ohlora_core.evaluation import MEMORY_CASES, SHEET_TASKS, evaluate

    if parsed.profile not in (None, "lite") and parsed.task != MEMORY_CASES:
        raise SettingsError(
            f"--profile {parsed.profile} 은(는) --file 이나 {MEMORY_CASES} 와 함께만 쓸 수 있어요.",
            f"--profile {parsed.profile} needs a --file to evaluate on, or {MEMORY_CASES}.",
        )
    if parsed.sheet and parsed.task not in SHEET_TASKS:
        raise SettingsError(
            f"--sheet 는 {', '.join(SHEET_TASKS)} 와 함께만 쓸 수 있어요.",
            f"--sheet goes with {' or '.join(SHEET_TASKS)}.",
        )
    yield from evaluate(settings, parsed.task, parsed.sheet)


def _bench(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from ohlora_core.evaluation import bench
    from ohlora_core.evaluation.bench_page import bench_page

    settings = load_settings()
    turns = {"turns": parsed.turns} if parsed.turns else {}
    if parsed.what in (None, "turn"):
        yield bench.bench_turn(settings, **turns)
    if parsed.what in (None, "face"):
        yield bench.bench_face(settings, parsed.layers)
    if parsed.what == "page":
        yield bench_page(settings, **turns)


def _fetch(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from ohlora_core.hub.fetch import fetch

    yield from fetch(load_settings(), parsed.groups, dry_run=parsed.dry_run)


def _list_sanctions(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    with _store().transaction() as transaction:
        for sanction in transaction.sanctions():
            yield {
                "id": sanction.user_id,
                "time": sanction.created_at.isoformat(timespec="seconds"),
                "reason": sanction.reason,
                "level": sanction.level,
                "period_s": sanction.period_s,
                "until": sanction.until.isoformat(timespec="seconds"),
                "lifted": sanction.lifted,
            }


def _lift(parsed: argparse.Namespace) -> Iterable[dict[str, Any]]:
    with _store().transaction() as transaction:
        yield {"id": parsed.id, "lifted": transaction.lift_blocks(parsed.id)}


def _store() -> Any:
    from ohlora_core.store import Store

    settings = load_settings()
    settings.prepare_data_dir()
    return Store(settings.effective_database_url)


if __name__ == "__main__":
    sys.exit(main())
