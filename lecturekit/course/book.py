"""The book: chapters, labs and documents as they are committed, and the package's reference, as pages for the web.

Sphinx makes them; this file says what goes in, and, as an extension of Sphinx, teaches it the house's own forms:
docstrings in plain text, folded cells, descriptions of figures in a notebook's outputs, formulas for a browser without
JavaScript. Neither building nor reading needs a network.
"""

import ast
import base64
import hashlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from lecturekit.course.notebooks import environment
from lecturekit.course.paper import browser, paper
from lecturekit.course.profiles import ROOT, CourseError, select

DOCUMENTS = (
    "README.md",
    "docs/measured.md",
    "docs/updating.md",
    "benchmarks/TRIED.md",
    "CONTRIBUTING.md",
    "data/README.md",
    "labs/README.md",
)
LINK = re.compile(r"\]\(([^)#:\s]+)")
# A title, and the first sentence of the paragraph below it; a few words in bold before it are a heading of their own.
HEAD = re.compile(r"^# (.+)(?:\s+(?:\*\*[^*]+\*\*\s+)?(\w(?:.|\n(?!\n))+?[.?])(?=\s+[A-Z]|\n\n|$))?", re.MULTILINE)
ARGUMENT = re.compile(r"(\w+(?:, \w+)*): +(\S.*)")
FIELD = re.compile(r"^    (\w+): .+?  # (.+)$", re.MULTILINE)  # of a class: its type, and what it is in a comment
# The parameters of a signature on several lines; Sphinx makes them a list of definitions that has no terms.
PARAMETERS = re.compile(r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>")
INLINE = re.compile(r"(``.+?``|`.+?`|(?<!\w)\*[a-zA-Z]+\*(?!\w)|arXiv:\d{4}\.\d{4,5})")


def book(out: Path = ROOT / "build" / "book", pdf: bool = False, repository: str = "") -> bool:
    """Build the site into the folder `out`, from sources put together beside it; True if Sphinx had nothing to complain about.

    repository: the address of a public one, https://github.com/OWNER/NAME: pages get buttons that open them in Colab and Binder.
    pdf: print the front page, the chapters and the labs into one file, <out>.pdf, too.
    """
    if find_spec("sphinx_book_theme") is None:
        raise CourseError("the book needs Sphinx: pip install -e '.[book]'")
    sources = out.with_name(f"{out.name}-src")
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    with browser() if pdf else nullcontext() as chromium:  # where there is none, it is said now
        stage(sources)
        shutil.rmtree(out, ignore_errors=True)
        # In a process of its own: it imports the whole package, and sets much that holds for a whole process.
        done = subprocess.call(
            [*sphinx, "-d", str(sources / ".doctrees"), str(sources), str(out)],
            env=environment(LECTUREKIT_REPOSITORY=repository),
        )
        if done == 0:
            print(f"The book: {out / 'index.html'}", flush=True)
            if pdf:
                paper(chromium, out, printed(), out.with_suffix(".pdf"))
                print(f"As one file: {out.with_suffix('.pdf')}")
    return done == 0


def student_labs() -> list[Path]:
    return sorted(ROOT.glob("labs/student/*/*.ipynb"))


def printed() -> list[str]:
    """The pages of the book that go on paper, in order: no reference, and nothing that is about this project's work."""
    return ["index.html", *(page_of(notebook) for notebook in (*select(), *student_labs()))]


def page_of(notebook: Path) -> str:
    """Where the site has a notebook's page."""
    return notebook.relative_to(ROOT).with_suffix(".html").as_posix()


def stage(folder: Path) -> None:
    """Everything that Sphinx reads, in one folder laid out like the checkout, so that links between files hold."""
    import jupyter_server_mathjax
    from jinja2 import Template

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "book", folder)
    shutil.copytree(Path(jupyter_server_mathjax.__file__).parent / "static", folder / "_static" / "mathjax")
    documents = [ROOT / name for name in DOCUMENTS if (ROOT / name).exists()]
    chapters, labs = select(), student_labs()
    for page in (*documents, *chapters, *labs):
        text = page.read_text(encoding="utf-8")
        for path in (page, *((page.parent / link).resolve() for link in LINK.findall(text))):
            if path.is_file() and path.is_relative_to(ROOT):
                copy = folder / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    labs = [path for path in documents if path.parent.name == "labs"] + labs
    pages = {"chapters": [about(path) for path in chapters], "labs": [about(path) for path in labs]}
    index = Template((folder / "index.md").read_text(encoding="utf-8"), trim_blocks=True).render(pages)
    (folder / "index.md").write_text(index, encoding="utf-8")
    (folder / "api").mkdir()
    for name, text in reference("lecturekit"):
        (folder / "api" / f"{name}.rst").write_text(text, encoding="utf-8")


def about(page: Path) -> dict[str, str]:
    """A page's name among the sources, its title, and the first sentence below that."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    if (head := HEAD.search(text)) is None:
        raise CourseError(f"{page} has no title: a line '# ...'")
    return {"name": page.relative_to(ROOT).as_posix(), "title": head[1], "opening": head[2] or ""}


# --- the reference ----------------------------------------------------------------------------------------------------


def reference(name: str) -> Iterator[tuple[str, str]]:
    """(name, page) of a public module and all those below it. A package says what can be imported from it."""
    module = import_module(name)
    page = [name, "=" * len(name), "", f".. automodule:: {name}", ""]
    if hasattr(module, "__path__"):
        below = [info.name for info in pkgutil.iter_modules(module.__path__) if not info.name.startswith("_")]
        modules = [(child, f"{name}.{child}", import_module(f"{name}.{child}")) for child in below]
        for heading, rows in (("To import from here", list(exported(module))), ("Modules", modules)):
            page += [f".. rubric:: {heading}", ""] if rows else []
            for short, where, thing in rows:
                page += [f":py:obj:`{short} <{where}>`", f"   {summary(where, thing)}", ""]
        page += [".. toctree::", "   :hidden:", "", *(f"   {short} <{where}>" for short, where, _ in modules), ""]
        for _, where, _ in modules:
            yield from reference(where)
    yield name, "\n".join(page)


def exported(package: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """(name, where it is defined, the thing itself) of what a package's __all__ hands on from its modules."""
    for node in ast.parse(inspect.getsource(package)).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in getattr(package, "__all__", ()):
                    yield alias.name, f"{node.module}.{alias.name}", getattr(package, alias.name)


def summary(where: str, thing: Any) -> str:
    """The first paragraph that a class, a function, a module or a constant says of itself; a blank if there is none."""
    from sphinx.pycode import ModuleAnalyzer

    home, _, name = where.rpartition(".")
    if inspect.isroutine(thing) or isinstance(thing, type | ModuleType):
        said = inspect.getdoc(thing) or ""
    else:
        said = "\n".join(ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name), ()))
    return restructured(said.partition("\n\n")[0]).replace("\n", " ") or "\\ "


def inline(text: str) -> str:
    """A line of a docstring as reStructuredText: code, emphasis and arXiv numbers marked, all else as it stands."""
    parts = []
    for i, part in enumerate(INLINE.split(text)):
        if i % 2 == 0:
            parts.append(re.sub(r"([\\*|_`])", r"\\\1", part))
            continue
        if part.startswith("arXiv:"):
            part = f"`{part} <https://arxiv.org/abs/{part.removeprefix('arXiv:')}>`__"
        elif part.startswith("`"):
            code = part.strip("`")
            part = f":py:obj:`{code}`" if re.fullmatch(r"[\w.]+", code) else f"``{code}``"
        parts.append(f"\\ {part}\\ ")  # an escaped space is none, and lets markup begin and end within a word
    return "".join(parts)


def restructured(docstring: str) -> str:
    """A docstring in the house's form as reStructuredText.

    Blank lines part it into paragraphs. One that is indented is a table or code and stays as it is, and so does an
    example, which begins with `>>>`. One of lines `name: what it is`, indented where they go on, is a list of
    definitions, if it is not the first; one of lines `[1] ...` is a list of references.
    """
    out = []
    for i, block in enumerate(re.split(r"\n\s*\n", docstring.strip("\n"))):
        lines = block.split("\n")
        starts = [line for line in lines if not line.startswith(" ")]
        if not starts:
            try:
                ast.parse(inspect.cleandoc(block))
                language = "python"
            except SyntaxError:
                language = "text"
            out += [f".. code-block:: {language}", "", *lines]
        elif lines[0].startswith(">>> "):
            out += [".. code-block:: pycon", "", *(f"    {line}" for line in lines)]
        elif i > 0 and all(ARGUMENT.fullmatch(line) for line in starts):
            for line in lines:
                if found := ARGUMENT.fullmatch(line):
                    out += [", ".join(f"``{name}``" for name in found[1].split(", ")), f"   {inline(found[2])}"]
                else:
                    out.append(f"   {inline(line.strip())}")
        elif re.match(r"\[\d+\] ", block):
            out += [f"| {inline(line)}" if line in starts else f"  {inline(line.strip())}" for line in lines]
        else:
            out += [inline(line.strip()) for line in lines]
        out.append("")
    return "\n".join(out)


# --- the extension ----------------------------------------------------------------------------------------------------


def setup(app) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("autodoc-process-docstring", _convert)
    app.connect("autodoc-process-signature", _name)
    app.connect("source-read", _fold)
    app.connect("doctree-read", _describe)
    app.connect("doctree-resolved", _set_formulas)
    app.connect("html-page-context", _mend, priority=900)  # after the theme
    app.add_js_file("book.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _convert(app, what, name, thing, options, lines: list[str]) -> None:
    """A docstring into reStructuredText, with what a class is made from and what its fields' comments say of them."""
    said, bases = "\n".join(lines), []
    if isinstance(thing, type) and thing.__module__.startswith("lecturekit."):  # Sphinx asks for imported ones too
        said += "\n\n" + "\n".join(f"{name}: {comment}" for name, comment in FIELD.findall(inspect.getsource(thing)))
        bases = [
            f":py:class:`~{base.__module__}.{base.__qualname__}`" for base in thing.__bases__ if base is not object
        ]
    lines[:] = [*(["Base: " + ", ".join(bases), ""] if bases else []), *restructured(said).split("\n")]


def _name(app, what, name, thing, options, signature: str | None, returned: str | None) -> tuple | None:
    """A default that is a function by its name, one that is made anew each time by dots: as they stand, both are no Python."""
    if signature:
        return re.sub(r"<function (\w+)>", r"\1", signature).replace("<factory>", "..."), returned


def _fold(app, name: str, source: list[str]) -> None:
    """MyST-NB goes by tags alone; JupyterLab remembers in another place that a cell's source is hidden."""
    if app.env.doc2path(name).suffix == ".ipynb":
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            if cell["metadata"].get("jupyter", {}).get("source_hidden"):
                cell["metadata"].setdefault("tags", []).append("hide-input")
        source[0] = json.dumps(notebook)


def _describe(app, doctree) -> None:
    """MyST-NB drops the descriptions of figures. It names a figure's file by its sha256, so they can be found again."""
    from docutils import nodes
    from sphinx.util import logging

    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    described = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                digest = hashlib.sha256(base64.b64decode("".join(picture))).hexdigest()
                described[digest] = output["metadata"].get("image/png", {}).get("alt")
    for image in doctree.findall(nodes.image):
        if (digest := Path(image["uri"]).stem) in described:
            image["alt"] = described[digest]
        if not image.get("alt"):
            logging.getLogger(__name__).warning("a figure without a description: use show.put", location=image)


def _set_formulas(app, doctree, name: str) -> None:
    """Each formula once more as MathML, for browsers without JavaScript; what math-core does not know stays TeX there."""
    from docutils import nodes
    from math_core import LatexError, LatexToMathML

    converter = LatexToMathML(allow_unreliable_rendering=True)  # the wide tilde, drawn narrow by some browsers
    for node in [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]:
        tex, block = node.astext(), isinstance(node, nodes.math_block)
        if block and not node.get("no-wrap", node.get("nowrap")):
            tex = rf"\begin{{equation*}}{tex}\end{{equation*}}"  # which may have a tag
        try:
            formula = converter.convert_with_local_state(tex, displaystyle=block)
        except LatexError:
            continue
        fallback = nodes.raw("", f"<noscript>{formula}</noscript>", format="html")
        node.parent.insert(node.parent.index(node) + 1, fallback)


def _mend(app, name: str, template: str, context: dict[str, Any], doctree) -> None:
    """What screen readers would stumble over in the theme's and in Sphinx's HTML: buttons without a name, lists that are none."""
    tree = context["generate_toctree_html"]
    named = '<summary aria-label="The pages below">'
    context["generate_toctree_html"] = lambda **options: str(tree(**options)).replace("<summary>", named)
    if "body" in context:
        context["body"] = PARAMETERS.sub(_parameters, context["body"])


def _parameters(found: re.Match) -> str:
    """The parameters of a signature as lines."""
    lines = found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">\n{lines}</span>'
