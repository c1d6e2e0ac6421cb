import json
from datetime import UTC, datetime, timedelta

import pytest

from ohlora_core.__main__ import TRAINERS, main
from ohlora_core.settings import PROJECT_DIR, load_settings
from ohlora_core.store import Sanction, Store


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_host_lists_sanctions_and_lifts_a_block(capsys):
    settings = load_settings()
    settings.prepare_data_dir()
    now = datetime.now(UTC)
    with Store(settings.effective_database_url).transaction() as transaction:
        transaction.add_sanction(
            Sanction(
                user_id="누구", reason="hate", level=2, period_s=9.0, until=now + timedelta(days=1)
            )
        )
    assert main(["moderation", "list"]) == 0
    (row,) = lines(capsys)
    assert (row["id"], row["reason"], row["level"], row["lifted"]) == ("누구", "hate", 2, False)
    assert main(["moderation", "lift", "누구"]) == 0
    assert lines(capsys) == [{"id": "누구", "lifted": 1}]
    main(["moderation", "list"])
    assert lines(capsys)[0]["lifted"] is True


def test_an_unknown_evaluation_lists_the_tasks(capsys):
    assert main(["eval", "nothing"]) == 1
    assert "language" in capsys.readouterr().err


def test_a_missing_command_shows_the_usage():
    with pytest.raises(SystemExit):
        main([])


def test_every_trainer_exists():
    for module in TRAINERS.values():
        assert (PROJECT_DIR / "ohlora_core" / "training" / f"{module}.py").exists()
