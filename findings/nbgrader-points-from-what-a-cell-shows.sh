#!/usr/bin/env bash
# nbgrader: the last value of a test cell is its grade, and a warning costs all points.
#
# Packages: nbgrader 0.9.6, ipykernel 7.4.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: a test cell to give all its points when it ran without an error, or those of partial credit,
# which the cell asks for. A warning is no error.
#
# What happens: any number that the cell's last expression happens to show is taken for the points: `len([])`
# after passed asserts gives 0, a 2 gives 2 of 5, and -3 gives all 5. A number above the cell's points
# stops the grading of that student's notebook with an error, so a harmless count in a test works until it grows. A line
# on stderr, such as a deprecation warning of a newer library or a logging call, gives 0, though every assert passed.
#
# Seen:
#     autograde lab1: status 0
#     autograde lab2: status 1
#     partial credit cannot be greater than maximum points for cell
#     asserts only: 5 of 5
#     ends with len([]): 0 of 5
#     ends with len('ab'): 2 of 5
#     ends with 1 - 4: 5 of 5
#     a warning: 0 of 5
#     prints 0: 5 of 5
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nbgrader==0.9.6 ipykernel==7.4.0
cd "$folder"

export PATH="$folder/venv/bin:$PATH" HOME="$folder" JUPYTER_CONFIG_DIR="$folder/config" IPYTHONDIR="$folder/ipython"
python - <<'END'
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

labs = {
    "lab1": ["assert True", "assert True\nlen([])", "assert True\nlen('ab')", "assert True\n1 - 4", "import warnings\nassert True\nwarnings.warn('careful')", "assert True\nprint(0)"],
    "lab2": ["assert True\nlen('abcdefghi')"],
}
for lab, tests in labs.items():
    cells = []
    for i, source in enumerate(tests):
        grade = dict(grade=True, solution=False, locked=True, task=False, points=5, grade_id=f"test{i}", schema_version=3, cell_type="code")
        cells.append(new_code_cell(source, metadata={"nbgrader": grade}))
    notebook = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    Path("source", lab).mkdir(parents=True)
    nbformat.write(notebook, f"source/{lab}/notebook.ipynb")
END
mkdir -p submitted/student
for lab in lab1 lab2; do
    nbgrader generate_assignment "$lab" > "$lab.log" 2>&1
    cp -r "release/$lab" "submitted/student/$lab"
    status=0
    nbgrader autograde "$lab" > "$lab.log" 2>&1 || status=$?
    echo "autograde $lab: status $status"
    [[ $lab-$status == lab1-0 || $lab-$status == lab2-1 ]]
done
grep --only-matching 'partial credit cannot be greater than maximum points for cell' lab2.log | head -n 1
python - <<'END'
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    notebook = book.find_submission("lab1", "student").notebooks[0]
    scores = [grade.score for grade in sorted(notebook.grades, key=lambda g: g.name)]
for what, score in zip(("asserts only", "ends with len([])", "ends with len('ab')", "ends with 1 - 4", "a warning", "prints 0"), scores):
    print(f"{what}: {score:.0f} of 5")
assert scores == [5, 0, 2, 5, 0, 5]
END
