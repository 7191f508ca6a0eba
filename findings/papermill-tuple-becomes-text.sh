#!/usr/bin/env bash
# papermill: a parameter that is a tuple reaches the notebook as text.
#
# Packages: papermill 2.7.0, ipykernel 7.4.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: execute_notebook(..., parameters={"layers": (200, 100)}) to set layers to the tuple, or to a
# list, as JSON would, or to refuse it.
#
# What happens: the injected cell assigns the text of the tuple, in quotes, without an error or a warning, and so for a tuple
# within a list. The metadata of the same notebook record a list. A loop over such "layers" runs over characters, and len()
# counts them.
#
# Seen:
#     list: the notebook sees list [200, 100], the metadata say [200, 100]
#     tuple: the notebook sees str '(200, 100)', the metadata say [200, 100]
#     nested: the notebook sees list ['(200, 100)'], the metadata say [[200, 100]]
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet papermill==2.7.0 ipykernel==7.4.0
cd "$folder"

export PATH="$folder/venv/bin:$PATH" HOME="$folder" JUPYTER_CONFIG_DIR="$folder/config" IPYTHONDIR="$folder/ipython"
export PYDEVD_DISABLE_FILE_VALIDATION=1
python - <<'END' 2> log || { cat log; exit 1; }
import logging

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

logging.disable()
cells = [new_code_cell("layers = None", metadata={"tags": ["parameters"]}), new_code_cell("print(type(layers).__name__, repr(layers))")]
kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
nbformat.write(new_notebook(cells=cells, metadata=kernel), "in.ipynb")
seen = {}
for name, layers in {"list": [200, 100], "tuple": (200, 100), "nested": [(200, 100)]}.items():
    papermill.execute_notebook("in.ipynb", "out.ipynb", {"layers": layers}, progress_bar=False)
    done = nbformat.read("out.ipynb", as_version=4)
    seen[name] = done.cells[-1].outputs[0].text.strip(), done.metadata.papermill.parameters.layers
    print(f"{name}: the notebook sees {seen[name][0]}, the metadata say {seen[name][1]}")
assert seen["list"] == ("list [200, 100]", [200, 100])
assert seen["tuple"] == ("str '(200, 100)'", [200, 100])
assert seen["nested"] == ("list ['(200, 100)']", [[200, 100]])
END
