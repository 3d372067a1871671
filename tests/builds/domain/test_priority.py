from builds.domain.priority import build_priority


def test_the_newer_release_goes_first():
    assert build_priority(asked=0, age=0) > build_priority(asked=0, age=1)


def test_what_is_wanted_more_goes_before_any_newer_release():
    assert build_priority(asked=1, age=100_000) > build_priority(asked=0, age=0)
