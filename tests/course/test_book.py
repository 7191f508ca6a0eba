"""The book, built once from what is committed: complete, legible, and without any need of a network."""

import functools
import http.server
import json
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lecturekit.course.book import book, restructured
from lecturekit.course.cli import parser
from lecturekit.course.profiles import ROOT

CHAPTERS = sorted(ROOT.glob("chapters/[0-9]*.ipynb"))
NOTEBOOKS = CHAPTERS + sorted(ROOT.glob("labs/student/*/*.ipynb"))
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


def page_of(notebook):
    return notebook.relative_to(ROOT).with_suffix(".html").as_posix()


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
        hidden = [cell for cell in cells(notebook) if cell["metadata"].get("jupyter", {}).get("source_hidden")]
        assert page.source.count("The code of this output") == 2 * len(hidden)  # to unfold, to fold again
        folded += len(hidden)
        for output in (output for cell in cells(notebook) for output in cell.get("outputs", [])):
            text = "".join(output.get("data", {}).get("text/markdown", ""))
            if text.startswith("```python"):
                assert text.splitlines()[1] in page.text and text.splitlines()[-2] in page.text
                shown += 1
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


def test_in_a_browser_no_request_leaves_and_the_formulas_are_set(site):
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *message):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}/"
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            tab = browser.new_page(color_scheme="dark")
            tab.set_default_timeout(120_000)
            asked, missing = [], []
            tab.on("request", lambda request: asked.append(request.url))
            tab.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)

            tab.goto(here + "chapters/21-variational-autoencoder.html")
            formulas = tab.locator("span.math, div.math").count()
            tab.wait_for_function(f"document.querySelectorAll('.MathJax[role=presentation]').length >= {formulas}")
            look = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).filter]"
            figure = tab.locator(".cell_output img").first
            assert figure.evaluate(look) == ["rgba(0, 0, 0, 0)", "none"]  # transparent on the dark page

            tab.goto(here + "search.html?q=reparameterization")
            tab.wait_for_selector("#search-results a:has-text('The variational autoencoder')")
            browser.close()
        server.shutdown()
    assert len(asked) > 20
    # about:blank is the empty font by which MathJax finds out whether fonts can be loaded.
    assert [url for url in asked if not url.startswith((here, "data:", "about:blank"))] == []
    assert [url for url in missing if not url.endswith("/favicon.ico")] == []


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


def test_the_command_takes_nothing():
    assert vars(parser().parse_args(["book"])) == {"command": "book"}
