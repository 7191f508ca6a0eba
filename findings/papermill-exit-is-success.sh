#!/usr/bin/env bash
# papermill: a notebook that ends itself in the middle has passed, and so says the command's status.
#
# Packages: papermill 2.7.0, ipykernel 7.4.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: exit status 0 to mean that every cell ran. A cell that calls sys.exit() raises SystemExit, and
# the cells behind it, with their assertions, have not been executed: that is a failure, as any other exception is.
#
# What happens: papermill takes SystemExit with the status 0 or None for the wanted end. The status is 0, nothing is
# said, and the written notebook lacks what the later cells would have put out. With any other status it fails, as expected.
# A library that leaves by sys.exit(0), as command-line programs called from a cell do, switches off all later checks.
#
# Seen:
#     sys.exit(0): status 0, cells that ran: 1 of 2
#     sys.exit(): status 0, cells that ran: 1 of 2
#     sys.exit(1): status 1, cells that ran: 1 of 2
#     pass: status 1, cells that ran: 2 of 2
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
for end in "sys.exit(0)" "sys.exit()" "sys.exit(1)" "pass"; do
    END="$end" python - <<'EOF'
import os

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

cells = [new_code_cell(f"import sys\n{os.environ['END']}"), new_code_cell("assert 1 == 2")]
kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
nbformat.write(new_notebook(cells=cells, metadata=kernel), "in.ipynb")
EOF
    status=0
    papermill --no-progress-bar in.ipynb out.ipynb > log 2>&1 || status=$?
    ran=$(python -c "import nbformat; print(sum(c.execution_count is not None for c in nbformat.read('out.ipynb', 4).cells if 'papermill-error' not in str(c.metadata) and c.cell_type == 'code'))")
    echo "$end: status $status, cells that ran: $ran of 2"
    [[ "$end-$status-$ran" =~ ^("sys.exit(0)-0-1"|"sys.exit()-0-1"|"sys.exit(1)-1-1"|"pass-1-2")$ ]]
done
