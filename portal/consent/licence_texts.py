"""Telling a common licence by phrases that its text has and others do not. Pure."""

import re
from collections.abc import Sequence

_PHRASES: Sequence[tuple[str, Sequence[str]]] = (
    ("AGPL-3.0-only", ("gnu affero general public license version 3",)),
    ("LGPL-3.0-only", ("gnu lesser general public license version 3",)),
    ("LGPL-2.1-only", ("gnu lesser general public license version 2.1",)),
    ("GPL-3.0-only", ("gnu general public license version 3, 29 june 2007",)),
    ("GPL-2.0-only", ("gnu general public license version 2, june 1991",)),
    ("MPL-2.0", ("mozilla public license version 2.0", "covered software")),
    ("Apache-2.0", ("apache license version 2.0", "grant of patent license")),
    ("BSL-1.0", ("boost software license - version 1.0",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    (
        "BSD-3-Clause",
        (
            "redistribution and use in source and binary forms",
            "redistributions in binary form must reproduce",
            "endorse or promote products derived from this software",
        ),
    ),
    (
        "BSD-2-Clause",
        (
            "redistribution and use in source and binary forms",
            "redistributions in binary form must reproduce",
        ),
    ),
    (
        "MIT",
        (
            "permission is hereby granted, free of charge, to any person obtaining a copy",
            "the above copyright notice and this permission notice shall be included in all",
        ),
    ),
    (
        "ISC",
        (
            "permission to use, copy, modify, and/or distribute this software for any purpose",
            "provided that the above copyright notice and this permission notice appear in all",
        ),
    ),
    (
        "Zlib",
        (
            "provided 'as-is', without any express or implied warranty",
            "altered source versions must be plainly marked as such",
        ),
    ),
)
"""The first whose phrases are all there is it; what says more stands before what says less."""

_MIXED = ("advertising materials mentioning features", "may not be used for commercial")
"""Phrases that make one of those into another licence, which we do not tell."""


def licence_of_text(text: str) -> str:
    """The SPDX name of the one licence that a text is; empty when it is none of the common ones.

    Of the GNU licences it cannot tell "or later", which stands in the sources' headers: it says
    the narrower one.

    >>> licence_of_text("do what you want")
    ''
    """
    plain = _plain(text)
    if any(phrase in plain for phrase in _MIXED):
        return ""
    return next(
        (name for name, phrases in _PHRASES if all(phrase in plain for phrase in phrases)), ""
    )


def _plain(text: str) -> str:
    r"""In lower case, on one line, without what differs between typists.

    >>> _plain("Apache License\n   Version 2.0, January")
    'apache license version 2.0, january'
    """
    straight = text.translate(str.maketrans("\u2018\u2019\u201c\u201d", "''\"\""))
    return re.sub(r"\s+", " ", straight.replace("*", " ").replace("#", " ")).strip().casefold()
