import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.licences import NotOneLicence, is_allowed, licence_of_metadata, one_licence

LICENCES = ["MIT", "ISC", "BSD-3-Clause", "GPL-2.0-only WITH Classpath-exception-2.0"]
EXPRESSIONS = st.recursive(
    st.sampled_from(LICENCES).map(lambda name: (name, lambda allowed: name in allowed)),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner).map(
        lambda parts: (
            f"({parts[1][0]} {parts[0]} {parts[2][0]})",
            (lambda allowed: parts[1][1](allowed) and parts[2][1](allowed))
            if parts[0] == "AND"
            else (lambda allowed: parts[1][1](allowed) or parts[2][1](allowed)),
        )
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.sets(st.sampled_from(LICENCES)))
def test_an_expression_is_allowed_where_a_choice_of_allowed_licences_meets_it(expression, allowed):
    text, holds = expression
    assert is_allowed(text, allowed) == holds(allowed)


@given(EXPRESSIONS, st.sets(st.sampled_from(LICENCES)), st.sampled_from(LICENCES))
def test_allowing_more_never_forbids(expression, allowed, more):
    assert not is_allowed(expression[0], allowed) or is_allowed(expression[0], {*allowed, more})


@pytest.mark.parametrize("text", ["", "(", "MIT AND", "MIT MIT"])
def test_what_is_no_expression_is_not_allowed(text):
    assert not is_allowed(text, {"MIT"})


def test_one_licence_is_written_as_spdx_does():
    assert one_licence("apache-2.0") == "Apache-2.0"
    assert one_licence("GPL-2.0-only with Classpath-exception-2.0") == LICENCES[-1]


@pytest.mark.parametrize("given", ["", "free", "MIT OR ISC", "MIT AND ISC", "M" * 300])
def test_several_licences_or_none_are_refused(given):
    with pytest.raises(NotOneLicence):
        one_licence(given)


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: mit", "MIT"),
        ("License: Apache-2.0", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: see LICENSE", ""),
        ("License-Expression: " + " OR ".join(["MIT"] * 100), ""),
        ("", ""),
    ],
)
def test_metadata_states_its_licence(lines, licence):
    assert licence_of_metadata(f"Metadata-Version: 2.4\nName: x\n{lines}\n".encode()) == licence
