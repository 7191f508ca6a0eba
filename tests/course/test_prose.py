"""The course's own rules of English; proselint's are its own."""

import pytest

from lecturekit.course.prose import NO_ENGLISH, house, prose


@pytest.mark.parametrize(
    "text, found",
    [
        ("all at one go", ["at one go"]),
        ("It draws dreams.\n\nAs many of them", ["dreams", "As many"]),
        ("as many as there are, a DeepDream", []),
        ("it leaves them away", ["leaves them away"]),
    ],
)
def test_house_rules(text, found):
    assert sorted(message.split("'")[1] for _, message in house(text)) == sorted(found)


def test_formulas_and_code_are_no_english():
    assert NO_ENGLISH.sub("x", "a $whence$ b `at one go` c\n```\nclearly\n```") == "a x b x c\nx"


def test_remarks_name_chapter_and_line(capsys):
    pytest.importorskip("proselint")
    prose("01*")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("remarks") and all(line.startswith(("01-", "    ")) for line in lines[:-1])
