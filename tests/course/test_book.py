"""The book, built once from what is committed: complete, legible, and without any need of a network."""

import functools
import http.server
import json
import re
import shutil
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lecturekit.course.book import book, page_of, printed, restructured
from lecturekit.course.cli import parser
from lecturekit.course.paper import joined, paper
from lecturekit.course.profiles import ROOT, CourseError
from lecturekit.course.run import write_page

CHAPTERS = sorted(ROOT.glob("chapters/[0-9]*.ipynb"))
NOTEBOOKS = CHAPTERS + sorted(ROOT.glob("labs/student/*/*.ipynb"))
CHAPTER, LAB = "chapters/21-variational-autoencoder.html", "labs/student/21-vae/21-vae.html"
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}


class Page(HTMLParser):
    """What the tests ask of a page: what it loads, where it links to, its pictures, and its text."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.loads, self.links, self.images, self.code, self.text = path, [], [], [], [], ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in LOADED and given.get(LOADED[tag]):
            self.loads.append(given[LOADED[tag]])
        if tag == "link" and given.get("rel") not in ("next", "prev", "search", "index", "author", "canonical"):
            self.loads.append(given["href"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "img":
            self.images.append(given)

    def handle_data(self, text):
        self.text += text


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "book"
    assert book(folder), "Sphinx complained; its warnings are above"
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html") if "_static" not in path.parts
    }


def cells(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def test_every_chapter_and_lab_has_a_page_and_a_place_on_the_front(pages):
    assert CHAPTERS
    for notebook in NOTEBOOKS:
        text = "\n".join("".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "markdown")
        title = re.search(r"^# (.+)", text, re.MULTILINE)[1]
        assert title in pages[page_of(notebook)].text
        front = pages["index.html"]
        # once in the list of the sidebar, once in that of the page
        assert title in front.text and front.links.count(page_of(notebook)) >= 2


def test_every_public_module_has_a_page_of_reference(pages):
    files = [path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("lecturekit/**/*.py")]
    names = {".".join(part for part in file.parts if part != "__init__") for file in files}
    names = {name for name in names if not any(part.startswith("_") for part in name.split("."))}
    assert "lecturekit.variational.vae" in names
    made = {name[len("api/") : -len(".html")] for name in pages if name.startswith("api/")}
    assert made == names


def test_the_reference_reads_as_the_docstrings_do(pages):
    fit = pages["api/lecturekit.training.fit.html"]
    assert re.search(r"<dt><code[^>]*>.*?batch_size.*?</code></dt>\s*<dd><p>items per batch", fit.source)
    assert ">>> [training.streams.epoch for training in rounds(" in fit.text
    assert "highlight-pycon" in fit.source
    latent = pages["api/lecturekit.latent.html"]
    assert "Float[Tensor, 'k batch']" in latent.text
    assert re.search(r"<pre>.*?elbo\(x, k\) +L\(x\) +1/k sum_i log w_i", latent.source, re.DOTALL)
    vae = pages["api/lecturekit.variational.vae.html"]
    assert "https://arxiv.org/abs/1312.6114" in vae.links
    assert "lecturekit.latent.html#lecturekit.latent.LatentVariableModel" in vae.links
    assert any("_modules/lecturekit/variational/vae.html" in link for link in vae.links)
    split = pages["api/lecturekit.evaluate.likelihood.html"]
    assert "<locals>" not in split.text and "object at 0x" not in split.text


def test_every_figure_has_its_description(pages):
    described = 0
    for notebook in NOTEBOOKS:
        outputs = [output for cell in cells(notebook) for output in cell.get("outputs", [])]
        alts = [o["metadata"]["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
        assert [image["alt"] for image in pages[page_of(notebook)].images if "/_images/" in image["src"]] == alts
        described += len(alts)
    assert described > 10
    assert all(image.get("alt") for page in pages.values() for image in page.images)


def test_what_a_notebook_folds_is_folded_and_what_it_shows_of_the_package_is_code(pages):
    folded = shown = 0
    for notebook in CHAPTERS:
        page = pages[page_of(notebook)]
        kept = [cell for cell in cells(notebook) if "remove-cell" not in cell["metadata"].get("tags", ())]
        hidden = [cell for cell in kept if cell["metadata"].get("jupyter", {}).get("source_hidden")]
        assert page.source.count("The code of this output") == 2 * len(hidden)  # to unfold, to fold again
        folded += len(hidden)
        for output in (output for cell in cells(notebook) for output in cell.get("outputs", [])):
            text = "".join(output.get("data", {}).get("text/markdown", ""))
            if text.startswith("```python"):
                assert text.splitlines()[1] in page.text and text.splitlines()[-2] in page.text
                shown += 1
            if rows := re.findall(r"^\|.+", text, re.MULTILINE):
                assert "\n".join(rows[:2]) not in page.text  # it is a table
        assert "```" not in page.text
    assert folded and shown


def test_nothing_is_loaded_from_elsewhere_and_all_that_is_loaded_is_there(site, pages):
    for page in pages.values():
        assert page.loads
        for load in page.loads:
            assert not re.match(r"(?:\w+:)?//", load), f"{page.path} loads {load}"
            assert load.startswith("data:") or (page.path.parent / load.split("?")[0]).is_file(), f"{page.path}: {load}"
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", page.source)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_links_within_the_book_lead_somewhere(pages):
    for page in pages.values():
        for link in page.links:
            if not re.match(r"\w+:|#", link):
                assert (page.path.parent / link.partition("#")[0]).is_file(), f"{page.path}: {link}"


def test_formulas_are_for_the_mathjax_that_is_there(site, pages):
    chapter = pages["chapters/21-variational-autoencoder.html"]
    assert any("mathjax/MathJax.js" in load for load in chapter.loads)
    assert r"\(p(z) = \mathcal N(0, I)\)" in chapter.text and r"\begin{aligned}" in chapter.text
    assert chapter.source.count('class="math ') > 100
    for part in (
        "config/TeX-AMS-MML_HTMLorMML-full.js",
        "jax/output/HTML-CSS/fonts/STIX-Web",
        "fonts/HTML-CSS/STIX-Web",
    ):
        assert (site / "_static" / "mathjax" / part).exists()


def test_what_is_published_has_no_path_of_this_machine(site):
    for path in site.rglob("*"):
        if path.suffix in (".html", ".js", ".ipynb", ".txt", ".inv"):
            assert str(ROOT).encode() not in path.read_bytes(), path


@pytest.fixture(scope="module")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *message):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The addresses of two pages as `make course` writes them, of what is committed."""
    folder = tmp_path_factory.mktemp("course")
    for chapter in (CHAPTERS[0], ROOT / CHAPTER.replace(".html", ".ipynb")):
        shutil.copyfile(chapter, folder / chapter.name)
        write_page(folder / chapter.name)
    return [path.as_uri() for path in sorted(folder.glob("*.html"))]


@pytest.fixture
def tab(chromium):
    """open(**settings) is a new page of the browser; MathJax comes only if asked for: it takes most of the time."""
    contexts = []

    def open(mathjax=False, **settings):
        contexts.append(chromium.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(120_000)
        if not mathjax:
            page.route("**/MathJax.js*", lambda route: route.abort())
        return page

    yield open
    for context in contexts:
        context.close()


def test_in_a_browser_no_request_leaves_and_the_formulas_are_set(address, tab):
    page = tab(mathjax=True, color_scheme="dark")
    asked, missing = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)

    page.goto(address + CHAPTER)
    formulas = page.locator("span.math, div.math").count()
    page.wait_for_function(f"document.querySelectorAll('.MathJax[role=presentation]').length >= {formulas}")
    look = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).filter]"
    figure = page.locator(".cell_output img").first
    assert figure.evaluate(look) == ["rgba(0, 0, 0, 0)", "none"]  # transparent on the dark page

    page.goto(address + "search.html?q=reparameterization")
    page.wait_for_selector("#search-results a:has-text('The variational autoencoder')")
    assert len(asked) > 20
    # about:blank is the empty font by which MathJax finds out whether fonts can be loaded.
    assert [url for url in asked if not url.startswith((address, "data:", "about:blank"))] == []
    assert [url for url in missing if not url.endswith("/favicon.ico")] == []


def test_without_javascript_every_formula_is_mathml(pages, address, tab):
    for page in pages.values():
        article = page.source.partition("<article")[2].partition("</article>")[0]
        assert article.count('class="math ') == article.count("<noscript><math"), page.path
    page = tab(java_script_enabled=False)
    page.goto(address + "chapters/42-glow.html")
    assert page.locator("math").count() == page.locator(".math").count() > 100
    assert [page.locator(f"{kind}:visible").count() > 0 for kind in ("math", ".math", "math[display=block]")] == [
        True,
        False,
        True,
    ]


def test_on_paper_code_goes_on_below_hints_stand_open_and_what_is_folded_leaves_no_frame(address, tab):
    page = tab(viewport={"width": 680, "height": 1000})  # about a sheet of A4
    page.emulate_media(media="print")
    page.goto(address + CHAPTER)
    assert page.locator("pre").count() > 50
    assert page.locator("pre").evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    inside = (
        "all => all.every(e => getComputedStyle(e).breakInside == 'auto' && getComputedStyle(e).display == 'block')"
    )
    assert page.locator(".highlight").evaluate_all(inside)  # else its frame begins on one sheet, the code on the next
    assert page.locator("details.hide").count() >= 5
    for gone in ("details.hide", ".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article"):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    assert page.locator(".cell_output img").evaluate_all(
        "all => all.every(e => getComputedStyle(e).breakInside == 'avoid')"
    )

    page.goto(address + LAB)
    hints = page.locator("article details")
    assert hints.count() > 3
    height = "all => Math.min(...all.map(e => e.clientHeight - e.querySelector('summary').clientHeight))"
    assert hints.evaluate_all(height) > 15  # a line below the word "Hint"


def test_on_paper_a_chapters_page_has_all_its_code_and_no_frame_of_what_is_folded(plain, tab):
    page = tab(viewport={"width": 680, "height": 1000})
    page.emulate_media(media="print")
    page.goto(plain[1])
    assert page.locator("pre").count() > 50 and page.locator("details.folded-source").count() >= 5
    assert page.locator("pre").evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    assert page.locator("details.folded-source:visible").count() == 0
    assert page.locator(".jp-InputArea:visible").evaluate_all("all => all.every(e => e.innerText.trim())")


def test_without_javascript_a_chapters_page_says_why_its_formulas_are_tex(plain, tab):
    page = tab(java_script_enabled=False)
    page.goto(plain[0])
    assert page.locator("noscript p").inner_text().startswith("Formulas stand here as TeX")


def test_a_dark_page_is_printed_as_a_light_one(address, tab):
    page = tab(color_scheme="dark")
    page.goto(address + "index.html")
    themes = [page.locator("html").get_attribute("data-theme")]
    for event in ("beforeprint", "afterprint"):
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
        themes.append(page.locator("html").get_attribute("data-theme"))
    assert themes == ["dark", "light", "dark"]


# Of code's many coloured words one of each kind is enough to judge, in each kind of block; axe takes long over them.
ONE_OF_EACH = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll("pre span")) {
        const kind = word.className + " in " + word.closest("div").className;
        if (seen.has(kind)) word.replaceWith(word.textContent); else seen.add(kind);
    }
}"""


def test_axe_finds_nothing_serious_in_light_and_in_dark(address, plain, tab):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = []
    # Formulas are MathJax's: set, they can be reached by the tab key, and before that they scroll for a moment.
    what, options = {"exclude": [[".math"]]}, {"resultTypes": ["violations"]}
    for url in (address, address + CHAPTER, address + LAB, address + "api/lecturekit.training.fit.html", *plain):
        page = tab(color_scheme="light")
        page.goto(url)
        page.evaluate(ONE_OF_EACH)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)  # colours that fade
            for fault in axe.Axe().run(page, what, options).response["violations"]:
                if fault["impact"] in ("serious", "critical"):
                    where = fault["nodes"][0]
                    found.append(
                        (url, scheme, fault["id"], len(fault["nodes"]), where["html"], where["failureSummary"])
                    )
    assert found == []


def test_the_book_as_one_file_to_print(site, chromium, tmp_path):
    assert printed() == ["index.html", *map(page_of, NOTEBOOKS)]
    names = ["index.html", page_of(CHAPTERS[0]), LAB]
    whole = joined(site, names)
    ids = re.findall(r' id="([^"]+)"', whole)
    assert len(ids) == len(set(ids)) > 20
    inside = {link for link in re.findall(r' href="#([^"]+)"', whole)}
    assert inside and inside <= set(ids)
    assert not re.search(r' href="(?!#|\w+:|_static)[^"]*\.html', whole.partition("<body")[2])
    for source in re.findall(r'<img[^>]* src="([^"]+)"', whole):
        assert source.startswith("data:") or (site / source).is_file(), source
    paper(chromium, site, names, tmp_path / "book.pdf")
    content = (tmp_path / "book.pdf").read_bytes()
    assert content.startswith(b"%PDF") and b"/Outlines" in content and b"/StructTreeRoot" in content
    assert 15 < len(re.findall(rb"/Type /Page\b", content)) < 60
    assert not (site / "whole.html").exists()


def test_a_pdf_without_a_chromium_is_refused_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    (tmp_path / "book").mkdir()
    with pytest.raises(CourseError, match="playwright is not installed: pip install"):
        book(tmp_path / "book", pdf=True)
    assert [path.name for path in tmp_path.iterdir()] == ["book"]  # and an earlier one stays


DOCSTRING = """Draws: k of them from `q`, *fresh* ones, of (N, *event_shape) [1].

[1] Kingma, Welling (2014). A Title That
    goes on. arXiv:1312.6114
[2] Another.

    symbol   here
    x_1 | z  decode(z)

    x = draw(k)  # a draw

k, n: how many,
    at least 1.
seed: see ``torch.manual_seed(0)``.

Raises ValueError: never.

>>> z_1 = draw(2 * k)  # *not* `marked`
>>> with still():
...     z_1
a: 3
"""


def test_a_docstring_in_the_house_form():
    assert restructured(DOCSTRING).split("\n") == [
        r"Draws: k of them from \ :py:obj:`q`\ , \ *fresh*\  ones, of (N, \*event\_shape) [1].",
        "",
        "| [1] Kingma, Welling (2014). A Title That",
        r"  goes on. \ `arXiv:1312.6114 <https://arxiv.org/abs/1312.6114>`__\ ",
        "| [2] Another.",
        "",
        ".. code-block:: text",
        "",
        "    symbol   here",
        "    x_1 | z  decode(z)",
        "",
        ".. code-block:: python",
        "",
        "    x = draw(k)  # a draw",
        "",
        "``k``, ``n``",
        "   how many,",
        "   at least 1.",
        "``seed``",
        r"   see \ ``torch.manual_seed(0)``\ .",
        "",
        "Raises ValueError: never.",
        "",
        ".. code-block:: pycon",
        "",
        "    >>> z_1 = draw(2 * k)  # *not* `marked`",
        "    >>> with still():",
        "    ...     z_1",
        "    a: 3",
        "",
    ]


def test_what_the_command_takes():
    assert vars(parser().parse_args(["book"])) == {"command": "book", "pdf": False, "repository": ""}
