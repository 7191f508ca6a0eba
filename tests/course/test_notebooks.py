"""What is kept of a run."""

import copy

import pytest
from nbformat import NotebookNode, v4

from lecturekit.course.notebooks import WIDGET, WIDGET_NOTE, clean, tidy

BAR = "100%|##########| 5/5 [00:01<00:00,  4.9it/s]"


def stream(text, name="stderr"):
    return v4.new_output("stream", name=name, text=text)


def outputs(*given):
    return tidy(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=list(given))])).cells[0].outputs


@pytest.mark.parametrize(
    "pieces",
    [
        ["\r  0%|          | 0/5 [00:00<?, ?it/s]", f"\r{BAR}", f"\r{BAR}\n"],
        [f"\r{BAR}", "\r" + " " * 40 + "\r"],
        [f"\n\r{BAR}\x1b[A", f"\n\r{BAR}\x1b[A"],
        ["\r12it [00:01,  8.31it/s]\n", "\r99%|#| 9/10 [1:00:01<00:01,  8.31it/s, loss=3]\n"],
    ],
    ids=["stays", "leaves", "nested", "without a total"],
)
def test_progress_bars_leave_nothing(pieces):
    assert outputs(*map(stream, pieces)) == []


def test_streams_are_joined_and_other_text_stays():
    kept = outputs(stream("a", "stdout"), stream("b\n\nc\n", "stdout"), stream(f"\r{BAR}\nUserWarning: careful\n"))
    assert [(o.name, o.text) for o in kept] == [("stdout", "ab\n\nc\n"), ("stderr", "UserWarning: careful\n")]


def test_a_carriage_return_overwrites():
    assert outputs(stream("one\rtwo\nthree\r\n", "stdout"))[0].text == "two\nthree\n"


def test_a_widget_is_said_in_words_and_a_widget_bar_is_dropped():
    def widget(text):
        return v4.new_output("display_data", data={WIDGET: {}, "text/plain": text})

    kept = outputs(widget("interactive(children=(IntSlider(value=1),))"), widget(BAR))
    assert [o.data for o in kept] == [{"text/markdown": WIDGET_NOTE, "text/plain": WIDGET_NOTE}]


def test_clean_keeps_what_belongs_to_the_chapter_and_drops_what_belongs_to_the_run():
    def cell(source, **metadata):
        return v4.new_code_cell(source, metadata=metadata)

    injected = cell("epochs = 1", tags=["injected-parameters"])
    timed = cell("x", tags=[], execution={"iopub": "1"}, papermill={"duration": 1})
    notebook = v4.new_notebook(
        cells=[cell("epochs = 2", tags=["parameters"]), injected, timed],
        metadata={
            "title": "T",
            "papermill": {"input_path": "/home/me/x.ipynb"},
            "widgets": {"state": {}},
            "kernelspec": {"name": "mine", "display_name": "Mine", "language": "python"},
            "language_info": {"name": "python", "version": "3.10.1"},
        },
    )
    once = clean(notebook)
    assert [(c.source, c.metadata) for c in once.cells] == [
        ("epochs = 2", {"tags": ["parameters"]}),
        ("x", {}),
    ]
    assert set(once.metadata) == {"title", "kernelspec", "language_info"}
    assert once.metadata.kernelspec.name == "python3" and "version" not in once.metadata.language_info
    assert isinstance(once, NotebookNode) and clean(copy.deepcopy(once)) == once
