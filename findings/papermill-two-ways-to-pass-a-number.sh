#!/usr/bin/env bash
# papermill: -p and -y read the same text as different types, and a commit may become infinity.
#
# Packages: papermill 2.7.0, ipykernel 7.4.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: one value to reach the notebook alike by `-p lr 1e-3` and by `-y 'lr: 1e-3'`; text that is
# no plain number, such as a commit's short hash or the name 0012, to stay text.
#
# What happens: -p tries int() and float() on every value, -y reads YAML 1.1. A learning rate of 1e-3 is a float with
# the first and the string "1e-3" with the second, and 1:30 is text with the first and the integer 90 with the second.
# With -p the hash 12e4567 becomes float('inf'), 0012 becomes 12, and a run named nan becomes not-a-number; -r keeps
# them. Nothing is said, and the notebook runs with what came.
#
# Seen:
#     -p value 1e-3  gives  value = 0.001
#     -y value: 1e-3  gives  value = "1e-3"
#     -p value 1:30  gives  value = "1:30"
#     -y value: 1:30  gives  value = 90
#     -p value 12e4567  gives  value = float('inf')
#     -p value 0012  gives  value = 12
#     -p value nan  gives  value = float('nan')
#     -r value 12e4567  gives  value = "12e4567"
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet papermill==2.7.0 ipykernel==7.4.0
cd "$folder"

export PATH="$folder/venv/bin:$PATH" HOME="$folder" JUPYTER_CONFIG_DIR="$folder/config"
python - <<'END'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

cell = new_code_cell("value = None", metadata={"tags": ["parameters"]})
nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}), "in.ipynb")
END
expect() {
    local wanted=$1 got
    shift
    papermill --prepare-only in.ipynb out.ipynb "$@" > log 2>&1
    got=$(python -c 'import nbformat; print(nbformat.read("out.ipynb", 4).cells[1].source.splitlines()[-1])')
    echo "$*  gives  $got"
    [[ $got == "$wanted" ]]
}
expect 'value = 0.001' -p value 1e-3
expect 'value = "1e-3"' -y 'value: 1e-3'
expect 'value = "1:30"' -p value 1:30
expect 'value = 90' -y 'value: 1:30'
expect "value = float('inf')" -p value 12e4567
expect 'value = 12' -p value 0012
expect "value = float('nan')" -p value nan
expect 'value = "12e4567"' -r value 12e4567
