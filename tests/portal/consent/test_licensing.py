import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.consent.licence_texts import licence_of_text
from portal.consent.licensing import LicenceClass, judge
from portal.errors import LicenceRefused
from tests.portal.people import all_accepted, consent

RANK = list(LicenceClass)
KNOWN = {
    "MIT": LicenceClass.PERMISSIVE,
    "Apache-2.0": LicenceClass.PERMISSIVE,
    "BSD-3-Clause": LicenceClass.PERMISSIVE,
    "Unlicense": LicenceClass.PERMISSIVE,
    "PSF-2.0": LicenceClass.PERMISSIVE,
    "MPL-2.0": LicenceClass.WEAK_COPYLEFT,
    "LGPL-2.1-or-later": LicenceClass.WEAK_COPYLEFT,
    "EPL-2.0": LicenceClass.WEAK_COPYLEFT,
    "GPL-2.0-only": LicenceClass.STRONG_COPYLEFT,
    "GPL-3.0-or-later": LicenceClass.STRONG_COPYLEFT,
    "AGPL-3.0-only": LicenceClass.STRONG_COPYLEFT,
    "SSPL-1.0": LicenceClass.VENDOR,
    "BUSL-1.1": LicenceClass.VENDOR,
    "CC-BY-NC-4.0": LicenceClass.VENDOR,
    "LicenseRef-Our-EULA": LicenceClass.UNCLEAR,
}
NAMES = st.sampled_from(sorted(KNOWN))


@pytest.mark.parametrize(("name", "licence_class"), KNOWN.items())
def test_common_licences_are_of_the_class_people_expect(name, licence_class):
    assert judge(name).licence_class is licence_class


@given(NAMES, NAMES)
def test_of_a_choice_the_least_demanding_is_taken_and_named(one, other):
    judged = judge(f"{one} OR {other}")
    assert judged.licence_class == min(KNOWN[one], KNOWN[other], key=RANK.index)
    assert judged.chosen in {one, other}
    assert KNOWN[judged.chosen] is judged.licence_class


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_what_holds_together_asks_what_its_strictest_part_asks(names):
    judged = judge(" AND ".join(names))
    assert judged.licence_class == max((KNOWN[name] for name in names), key=RANK.index)
    assert not judged.is_choice


def test_a_choice_within_a_whole_is_recorded_with_the_rest():
    judged = judge("ISC AND (GPL-3.0-only OR MIT)")
    assert (judged.chosen, judged.is_choice) == ("ISC AND MIT", True)


def test_an_exception_never_makes_it_laxer_than_we_know():
    judged = judge("GPL-2.0-only WITH Classpath-exception-2.0")
    assert judged.licence_class is LicenceClass.STRONG_COPYLEFT


@given(st.text(max_size=60))
def test_anything_at_all_is_judged(text):
    judged = judge(text)
    assert bool(judged.licence_class.refusal) != bool(judged.licence_class.duties)


@pytest.mark.parametrize("licence_class", LicenceClass)
def test_each_class_has_duties_or_a_refusal(licence_class):
    assert licence_class.label
    keeps = any("source distribution is kept" in duty for duty in licence_class.duties)
    assert keeps == licence_class.is_copyleft


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Apache License\n Version 2.0, January 2004\n 3. Grant of Patent License.", "Apache-2.0"),
        (
            (
                "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n incorporates the"
                " terms of version 3 of the GNU General Public License"
            ),
            "LGPL-3.0-only",
        ),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007", "AGPL-3.0-only"),
        ("GNU GENERAL PUBLIC LICENSE\n Version 2, June 1991", "GPL-2.0-only"),
        (
            (
                "Redistribution and use in source and binary forms, ... Redistributions in binary"
                " form must reproduce ..."
            ),
            "BSD-2-Clause",
        ),
        (
            (
                "Redistribution and use in source and binary forms, ... Redistributions in binary"
                " form must reproduce ... All advertising materials mentioning features ..."
            ),
            "",
        ),
        ("All rights reserved.", ""),
    ],
)
def test_a_text_is_told_by_what_only_it_says(text, name):
    assert licence_of_text(text) == name


@pytest.mark.django_db
class TestGate:
    @pytest.mark.parametrize("licence", ["LicenseRef-Ours", "SSPL-1.0", "MIT AND BUSL-1.1"])
    def test_nothing_is_published_under_terms_that_we_cannot_keep(
        self, maintainer, docopt, proof, licence
    ):
        with pytest.raises(LicenceRefused, match="consent to building alone"):
            consent(maintainer, docopt, licence_expression=licence)

    def test_building_alone_is_possible_under_any(self, maintainer, docopt, proof):
        given_consent = consent(
            maintainer,
            docopt,
            channels=["build"],
            accepted=all_accepted(["build"]),
            licence_expression="LicenseRef-Ours",
        )
        assert given_consent.licence_class == "unclear"

    def test_the_choice_is_recorded(self, maintainer, docopt, proof):
        given_consent = consent(maintainer, docopt, licence_expression="gpl-3.0-only or mit")
        found = (given_consent.licence_expression, given_consent.licence_chosen)
        assert found == ("GPL-3.0-only OR MIT", "MIT")
        assert given_consent.licence_class == "permissive"
