import logging

import pytest
from django.conf import settings

from portal.logs import OneLine


@pytest.mark.parametrize("text", ["a\nINFO django: all is well", "a\x1b[2J", "a\r\x9b2J", "a\x00"])
def test_a_strangers_words_stay_in_their_line(text):
    record = logging.makeLogRecord({"msg": "refused: %s", "args": (text,)})

    line = OneLine("%(levelname)s %(message)s").format(record)

    assert line.isprintable()
    assert line.count("refused") == 1


def test_the_log_is_written_so():
    assert settings.LOGGING["formatters"]["plain"]["()"] == "portal.logs.OneLine"
