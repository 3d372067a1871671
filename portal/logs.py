"""How this deployment writes its log."""

import logging
from typing import override

_ESCAPED = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")
}


class OneLine(logging.Formatter):
    r"""A message is one line, whoever worded it: names and errors of strangers stand in some.

    >>> record = logging.makeLogRecord({"msg": "gone: %s", "args": ("a\nINFO fine\x1b[2J",)})
    >>> print(OneLine("%(message)s").format(record))
    gone: a\x0aINFO fine\x1b[2J
    """

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).translate(_ESCAPED)
