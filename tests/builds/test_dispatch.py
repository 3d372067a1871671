"""A broker that is away costs a delay, not an error."""

from typing import Any

import pytest
from kombu.exceptions import OperationalError

from builds import dispatch


class BrokerAway:
    def send_task(self, name: str, **_: Any) -> None:
        raise OperationalError(name)


def test_a_broker_that_is_away_is_told_to_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "current_app", BrokerAway())

    dispatch.wake()

    assert "builds.claim waits for reconciliation" in caplog.text
