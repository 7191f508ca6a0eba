"""profiles.toml is read strictly: what it names must exist."""

import nbformat
import pytest
from nbformat import v4

from lecturekit.course import profiles
from lecturekit.course.profiles import CourseError, overrides, parameters, select, writable


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "CHAPTERS", tmp_path)
    cell = v4.new_code_cell("epochs = 10\nsizes = (2, 3)\nx, y = 1, 2\nrate: float = 0.1  # per step")
    cell.metadata["tags"] = ["parameters"]
    path = tmp_path / "21-vae.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("other = 1"), cell]), path)
    return path


def write(chapter, text):
    (chapter.parent / "profiles.toml").write_text(text)
    return chapter


def test_parameters_are_the_names_the_tagged_cell_assigns(chapter):
    assert parameters(chapter) == {"epochs": 10, "sizes": (2, 3), "x": None, "y": None, "rate": 0.1}


def test_values_and_expected_seconds(chapter):
    write(chapter, '["21-vae".smoke]\nepochs = 1\nsizes = [4]\nseconds = 20\n')
    assert overrides(chapter, "smoke") == ({"epochs": 1, "sizes": (4,)}, 20)  # a tuple as the cell's own
    assert overrides(chapter, "laptop") == ({}, None)


def test_a_parameter_computed_from_another_is_refused(chapter):
    cell = v4.new_code_cell("epochs = 10\nhalf = epochs // 2", metadata={"tags": ["parameters"]})
    nbformat.write(v4.new_notebook(cells=[cell]), chapter)
    with pytest.raises(CourseError, match="computes with 'epochs' in line 2, half = epochs // 2"):
        parameters(chapter)


@pytest.mark.parametrize(
    "text, profile, message",
    [
        ('["21-vae".smoke]\nepoch = 1', "smoke", "did you mean 'epochs'"),
        ('["21-vae".smoke]\nother = 1', "smoke", "it declares"),
        ('["21-vae".smoke]', "gpu", "has no profile 'gpu'"),
        ('["21-vae".smoke]', "fast", "there are smoke, laptop, gpu"),
        ('["21-vae".smokey]', "smoke", "unknown profile 'smokey'"),
        ('["22-vae".smoke]', "smoke", "no section for this chapter"),
        ('["21-vae".laptop]\nepochs = 3', "laptop", "put epochs into the parameters cell of 21-vae.ipynb"),
        ("[21-vae", "smoke", "not valid TOML"),
        ('["21-vae".smoke]\nseconds = "five"', "smoke", "21-vae.smoke: seconds must be a number above 0, not 'five'"),
        ('["21-vae".smoke]\nseconds = nan', "smoke", "seconds must be a number above 0, not nan"),
        ('["21-vae".smoke]\nseconds = -3', "smoke", "seconds must be a number above 0, not -3"),
        ('["21-vae"]\nsmoke = 5', "smoke", "is a table"),
        ('"21-vae" = 5', "smoke", "is a table"),
    ],
)
def test_what_does_not_exist_is_named(chapter, text, profile, message):
    with pytest.raises(CourseError, match=message):
        overrides(write(chapter, text), profile)


def test_a_missing_file_is_named(chapter):
    with pytest.raises(CourseError, match=r"profiles\.toml does not exist"):
        overrides(chapter, "smoke")


def test_a_pattern_selects_and_a_wrong_one_lists_the_chapters(chapter):
    nbformat.write(v4.new_notebook(), chapter.parent / "01-start.ipynb")
    nbformat.write(v4.new_notebook(), chapter.parent / "Untitled.ipynb")
    assert [p.stem for p in select()] == ["01-start", "21-vae"]
    assert [p.stem for p in select("2*")] == ["21-vae"]
    with pytest.raises(CourseError, match="(?s)'3.'.*01-start.*21-vae"):
        select("3*")


def test_a_folder_without_chapters_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "CHAPTERS", tmp_path)
    with pytest.raises(CourseError, match="has no chapters"):
        select()


@pytest.mark.parametrize("text", ["", "no notebook", "{}", "[" * 100_000])
def test_what_is_no_notebook_is_said(chapter, text):
    chapter.write_text(text)
    with pytest.raises(CourseError, match="21-vae.ipynb is not a notebook that can be read"):
        overrides(write(chapter, '["21-vae".smoke]\nepochs = 1'), "smoke")


def test_a_folder_that_cannot_be_written_is_said_and_one_that_can_is_made(tmp_path):
    assert writable(tmp_path / "a" / "b", "--out", tmp_path / "a" / "b" / "new.csv").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").write_text("kept")
    for folder, *files in (
        (tmp_path / "file",),
        (tmp_path / "file" / "c",),
        (tmp_path, tmp_path / "a"),
        (tmp_path / "\0",),
    ):
        with pytest.raises(CourseError, match="cannot write into .*choose another folder by --out"):
            writable(folder, "--out", *files)
    assert (tmp_path / "file").read_text() == "kept"
