from portal.requests.drafts import Asked, issue, pull_request


def asked(people: int = 3, targets: tuple[str, ...] = ("CPython 3.13",)) -> Asked:
    return Asked(
        project="docopt",
        people=people,
        targets=targets,
        page="https://farm.example/project/docopt/",
        prove_page="https://farm.example/project/docopt/consent/",
        about_page="https://farm.example/about/",
    )


def test_an_issue_says_what_is_asked_and_how_to_say_no():
    body = issue(asked()).body
    assert "- CPython 3.13\n" in body
    assert "3 people have asked" in body
    assert "https://farm.example/project/docopt/consent/" in body
    assert "say no once and for all" in body


def test_one_person_is_no_crowd():
    assert "people have asked" not in issue(asked(people=1)).body


def test_who_did_not_say_where_is_left_to_write_it():
    assert "write where" in issue(asked(targets=())).body


def test_a_pull_request_shows_the_table_and_what_it_does_not_do():
    body = pull_request(asked()).body
    assert '[tool.affineur]\nproject = "docopt"\n' in body
    assert "The table alone allows nothing" in body
