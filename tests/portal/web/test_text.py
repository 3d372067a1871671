"""Text from strangers, made fit to show."""

import doctest
import time

import pytest

from portal import target_names
from portal.web import matrix, requirements, text
from portal.web.report import Grafted, Report, read_report
from portal.web.requirements import MOST_LINES, read_pasted
from portal.web.text import rendered_markdown, without_controls


@pytest.mark.parametrize("module", [matrix, requirements, target_names, text])
def test_examples_in_the_docs_hold(module):
    assert doctest.testmod(module) == doctest.TestResults(0, attempted := len(examples(module)))
    assert attempted


def examples(module) -> list[doctest.Example]:
    return [example for test in doctest.DocTestFinder().find(module) for example in test.examples]


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("windows\r\nline", "windows\nline"),
        ("\u202egnp.exe", "gnp.exe"),
        ("unfinished \x1b[", "unfinished "),
    ],
)
def test_terminal_controls_are_taken_out(hostile, shown):
    assert without_controls(hostile) == shown


@pytest.mark.parametrize("long", ["10%\r", "no end of line", "\x1b[", "\x1b]", "\x1b[0"])
def test_a_megabyte_of_anything_is_read_in_time_that_grows_with_it(long):
    begun = time.process_time()
    shown = without_controls(long * (1_000_000 // len(long)) + "\ndone")
    assert shown.endswith("done")
    assert time.process_time() - begun < 2


def test_raw_html_in_markdown_is_shown_and_not_obeyed():
    html = rendered_markdown("# Title\n\n<script>alert(1)</script> [x](javascript:alert(1))")
    assert "<script>" not in html
    assert "href" not in html
    assert "<h1>Title</h1>" in html


def test_a_requirements_file_is_read_with_its_hashes_and_options():
    pasted = read_pasted(
        "# ours\n"
        "--index-url https://index.example/simple/\n"
        "docopt==0.6.2 \\\n    --hash=sha256:49b3\n"
        "Foo[extra]>=1.0; python_version < '3.9'\n"
        "https://files.example/x.whl\n"
    )
    assert [(wish.name, wish.specifiers) for wish in pasted.wishes] == [
        ("docopt", "==0.6.2"),
        ("Foo", ">=1.0"),
    ]
    assert pasted.unread == ("https://files.example/x.whl",)


@pytest.mark.parametrize("table", ["package", "packages"])
def test_a_lock_file_is_read(table):
    pasted = read_pasted(f'version = 1\n[[{table}]]\nname = "docopt"\nversion = "0.6.2"\n')
    assert [(wish.name, wish.specifiers) for wish in pasted.wishes] == [("docopt", "==0.6.2")]


def test_a_list_without_end_is_cut_and_says_so():
    pasted = read_pasted("\n".join(f"p{number}" for number in range(MOST_LINES + 7)))
    assert (len(pasted.wishes), pasted.left_out) == (MOST_LINES, 7)


def test_a_report_of_any_shape_can_be_shown():
    assert read_report({"resolved": "x", "grafted": {"a": 1}, "interpreter": None}) == Report()
    assert read_report({"resolved": [1, {"name": 2}]}).resolved[0].name == "2"
    said = {"system": {"packages": [{"name": "libx"}]}, "toolchain": {"name": "host"}}
    assert (read_report(said).packages[0].name, read_report(said).compiler) == ("libx", "host")
    assert read_report({"system": 1, "toolchain": [2]}) == Report()
    said = {"grafted": [1, {"name": "a.libs/b.so", "package": "b1", "version": "1.2"}]}
    assert read_report(said).grafted == (Grafted("a.libs/b.so", "b1", "1.2"),)
