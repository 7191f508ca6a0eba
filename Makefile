# Three commands: make lab, make course, make test. Each sets up .venv first, once.
# PROFILE=smoke|laptop|gpu and CHAPTERS='21*' select; ARGS='...' is passed on as it stands.
PYTHON ?= python3
PROFILE ?= laptop
CHAPTERS ?= *
VENV_PYTHON = $(firstword $(wildcard .venv/Scripts/python.exe) .venv/bin/python)

.PHONY: help setup lab course prose book test labs grade mutants bench refresh constraints clean

help:
	@echo "make lab      open JupyterLab at the first chapter"
	@echo "make course   execute the chapters into pages: build/course/<chapter>.html"
	@echo "make book     chapters, labs and the package's reference as one site: build/book/index.html"
	@echo "make prose    remarks on the English of chapters and labs (needs proselint)"
	@echo "make test     everything that continuous integration runs"
	@echo "make labs     write the labs' student versions; show what catches each wrong answer"
	@echo "make grade    LAB=21-vae SUBMISSIONS=folder: grade them; this runs their code, see labs/README.md"
	@echo "make mutants  every wrong formula must make a test fail"
	@echo "make bench    speed beside bare loops and peers (installs the peers)"
	@echo "make refresh  execute the chapters and write them back, clean, to be committed"
	@echo "make setup    build .venv only;  make constraints  renew the pinned versions"
	@echo "make clean    remove what the commands above wrote, .venv excepted"

setup:
	@$(PYTHON) tools/setup_env.py

lab: setup
	@$(VENV_PYTHON) -m lecturekit lab $(ARGS)

course: setup
	@$(VENV_PYTHON) -m lecturekit run --profile $(PROFILE) --chapters '$(CHAPTERS)' $(ARGS)

prose: setup
	@$(VENV_PYTHON) -m lecturekit prose --chapters '$(CHAPTERS)' $(ARGS)

book: setup
	@$(VENV_PYTHON) -m lecturekit book $(ARGS)

test: setup
	@$(VENV_PYTHON) -m lecturekit test $(ARGS)

labs: setup
	@$(VENV_PYTHON) -m lecturekit labs $(ARGS)

grade: setup
	@$(VENV_PYTHON) -m lecturekit grade '$(LAB)' '$(SUBMISSIONS)' $(ARGS)

mutants: setup
	@$(VENV_PYTHON) -m lecturekit mutants $(ARGS)

bench: setup
	@$(VENV_PYTHON) -m uv pip install --quiet -c constraints.txt -e '.[bench]'
	@$(VENV_PYTHON) benchmarks/loop.py
	@for row in vae iwae vimco draw dcgan lapgan cyclegan glow; do $(VENV_PYTHON) benchmarks/throughput.py --row $$row || exit; done
	@$(VENV_PYTHON) benchmarks/pixel_speed.py
	@$(VENV_PYTHON) benchmarks/frechet.py

refresh: setup
	@$(VENV_PYTHON) -m lecturekit refresh --chapters '$(CHAPTERS)' $(ARGS)

# Not from an environment variable's index or a local folder: the file must mean the same everywhere.
constraints: setup
	$(VENV_PYTHON) -m uv pip compile pyproject.toml --universal --python-version 3.10 --all-extras --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file constraints.txt

clean:
	rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache
	find lecturekit tests tools chapters -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
