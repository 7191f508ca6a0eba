#!/usr/bin/env bash
# nbval: a notebook whose outputs were cleared passes, also cells that are marked to be checked.
#
# Packages: nbval 0.11.0, ipykernel 7.4.0, pytest 9.2.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: pytest --nbval to compare every cell's output with the stored one, and the tag nbval-check-
# output to do so under --nbval-lax as well: a cell that prints where nothing is stored fails.
#
# What happens: a cell without execution_count counts as not run and is compared with nothing, in both modes and against
# its tag. Tools that clear outputs before a commit remove the counts too, so that all comparisons vanish and the run
# stays green. With the count kept, the same cell fails.
#
# Seen:
#     --nbval wrong.ipynb: 1 failed
#     --nbval counted.ipynb: 1 failed
#     --nbval cleared.ipynb: 1 passed
#     --nbval-lax wrong.ipynb: 1 failed
#     --nbval-lax counted.ipynb: 1 failed
#     --nbval-lax cleared.ipynb: 1 passed
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nbval==0.11.0 ipykernel==7.4.0 pytest==9.2.0
cd "$folder"

export PATH="$folder/venv/bin:$PATH" HOME="$folder" JUPYTER_CONFIG_DIR="$folder/config" IPYTHONDIR="$folder/ipython"
python - <<'END'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

for name, count, outputs in (("wrong", 1, [new_output("stream", name="stdout", text="8\n")]), ("counted", 1, []), ("cleared", None, [])):
    cell = new_code_cell("print(7)", execution_count=count, outputs=outputs, metadata={"tags": ["nbval-check-output"]})
    nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}), f"{name}.ipynb")
END
for mode in --nbval --nbval-lax; do
    for name in wrong counted cleared; do
        status=0
        pytest --quiet "$mode" "$name.ipynb" > log 2>&1 || status=$?
        echo "$mode $name.ipynb: $(tail -n 1 log | grep --only-matching '1 [a-z]*')"
        [[ $name-$status == wrong-1 || $name-$status == counted-1 || $name-$status == cleared-0 ]]
    done
done
