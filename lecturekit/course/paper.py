"""The book on paper: the site's front page, chapters and labs in one document, printed by a Chromium."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import join, normpath

from lecturekit.course.profiles import CourseError

FOOTER = '<p style="width: 100%; text-align: center; font-size: 8pt"><span class="pageNumber"></span></p>'
# One article at a time, the others hidden: what MathJax measures would otherwise lay out the whole book, again and again.
TYPESET = """async () => {
    await new Promise((ready) => MathJax.Hub.Queue(ready));
    const articles = [...document.querySelectorAll("article")];
    for (const article of articles) article.hidden = true;
    for (const article of articles) {
        article.hidden = false;
        await new Promise((done) => MathJax.Hub.Queue(["Typeset", MathJax.Hub, article], done));
        article.hidden = true;
    }
    for (const article of articles) article.hidden = false;
}"""
MARGIN = {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"}


@contextmanager
def browser() -> Iterator:
    """A headless Chromium, the system's or playwright's own; CourseError where none starts."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise CourseError("playwright is not installed: pip install -e '.[dev]'") from None
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    # Its sandbox does not work for root, as in a container.
    flags = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=next(found, None), args=flags)
        except Error as error:
            raise CourseError(
                f"no Chromium starts here; install one, or `playwright install chromium` ({error.message.splitlines()[0]})"
            ) from None
        yield chromium
        chromium.close()


def joined(site: Path, names: list[str]) -> str:
    """The articles of the site's pages in one page, in the head of the first; links between them stay links."""
    from bs4 import BeautifulSoup

    pages = {name: BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser") for name in names}
    anchors = {name: re.sub(r"\W", "-", name.removesuffix(".html")) for name in names}
    whole = pages[names[0]]
    formulas = whole.find_all("script", src=re.compile("mathjax/"))
    settings = [tag for tag in whole.find_all("script") if "MathJax" in (tag.string or "")]
    settings[0].append(";MathJax.Hub.Config({skipStartupTypeset: true})")
    articles = []
    for name, page in pages.items():
        article = page.select_one("article.bd-article")
        for tag in article.select("a.headerlink, noscript"):
            tag.decompose()
        for tag in article.select("[id]"):
            tag["id"] = f"{anchors[name]}-{tag['id']}"
        for tag in article.select("img[src]"):
            if not tag["src"].startswith("data:"):
                tag["src"] = normpath(join(name, "..", tag["src"]))
        for tag in article.select("a[href]"):
            path, _, place = tag["href"].partition("#")
            to = normpath(join(name, "..", path)) if path else name
            if to in anchors:
                tag["href"] = f"#{anchors[to]}-{place}" if place else f"#{anchors[to]}"
            elif not re.match(r"\w+:", path):
                tag.unwrap()  # a page that is not printed, or a file beside it
        article["id"] = anchors[name]
        articles.append(article.extract())
    whole.title.string = "lecturekit"
    whole.html["data-theme"] = "light"
    whole.body.clear()
    main = whole.new_tag("main", attrs={"class": "bd-content"})
    main.extend(articles)
    whole.body.extend([main, *settings, *formulas])
    return str(whole)


def paper(chromium, site: Path, names: list[str], file: Path) -> None:
    """Print pages of a built site, "chapters/21-....html", into one PDF with numbers on its pages and an outline."""
    whole = site / "whole.html"
    whole.write_text(joined(site, names), encoding="utf-8")
    tab = chromium.new_page()
    tab.set_default_timeout(0)  # some thousand formulas
    tab.goto(whole.resolve().as_uri())
    tab.evaluate(TYPESET)
    sheet = {"format": "A4", "margin": MARGIN, "outline": True, "tagged": True}
    tab.pdf(path=file, display_header_footer=True, header_template="<p></p>", footer_template=FOOTER, **sheet)
    tab.close()
    whole.unlink()
