"""Widgets where readers meet them: JupyterLab as `lecturekit lab` starts it, in a headless Chromium, by real keys and clicks.

Skipped, with the reason, where there is no playwright or no Chromium. build/browser keeps a picture of what was seen last.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from queue import Empty, Queue
from threading import Thread

import nbformat
import papermill
import pytest
from nbformat import v4

from lecturekit.course.notebooks import environment
from lecturekit.course.profiles import ROOT, overrides, select

try:
    from playwright import sync_api as driver
except ImportError:
    driver = None

pytestmark = [
    pytest.mark.skipif(driver is None, reason="playwright is not installed: pip install playwright"),
    pytest.mark.skipif(os.name != "posix", reason="the server is ended as a process group, which only POSIX has"),
]

FOLDER = ROOT / "build" / "browser"  # JupyterLab serves nothing outside the project
PATIENCE = 180  # seconds for anything to happen: much, because two slow cores may have other work as well
QUIET = '{"fetchNews": "false", "checkForUpdates": false}'  # no question lies over the page
SLIDERS = {"show.plane(": "z1", "show.divergences(": "centre of q"}  # one slider of each, to be moved

PLANE = """
import torch
from lecturekit import show

side = torch.linspace(-3, 3, 28)


def decode(z):
    return ((side - z[:, :1]) ** 2 + ((side + z[:, 1:]) ** 2).T).neg().exp()[None, None]


show.plane(decode)
"""
DIVERGENCES = """
from lecturekit.evaluate import divergences

show.divergences(
    {
        "KL(p‖q)": lambda p, q, x: divergences.kl(p, q),
        "KL(q‖p)": lambda p, q, x: divergences.kl(q, p),
        "JS": lambda p, q, x: divergences.jensen_shannon(p, q),
        "W1": divergences.wasserstein,
    }
)
"""
MODEL = """
import tempfile

import torch
from lecturekit import fit, show
from lecturekit.variational import LinearGaussian

torch.manual_seed(0)
model, x, folder = LinearGaussian(dimensions=2, latent=1), torch.randn(200, 2), tempfile.TemporaryDirectory()
"""
LIVE = """
with show.Live(every=0.5) as live:
    history = fit(model, x, epochs=1e6, callbacks=[live], checkpoint=folder.name, resume=True, progress=False)
print(f"interrupted: {history.interrupted}, after {history.trained:.0f} epochs")
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """The address of a notebook in JupyterLab, with {} for its name; the server and its kernels end whatever happens."""
    home = tmp_path_factory.mktemp("jupyter")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(QUIET)
    folders = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    env = environment(**folders, JUPYTERLAB_SETTINGS_DIR=str(settings.parents[1]), OMP_NUM_THREADS="1")
    root = ["--allow-root"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [sys.executable, "-m", "lecturekit", "lab", "--no-browser", "--ServerApp.port=0", *root],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: Queue[str] = Queue()
    Thread(
        target=lambda: [lines.put(line) for line in process.stdout], daemon=True
    ).start()  # a full pipe would block it
    said = ""
    try:
        while not (address := re.search(r"http://127\.0\.0\.1:\d+/", said)):
            try:
                said += lines.get(timeout=PATIENCE)
            except Empty:
                pytest.fail(f"JupyterLab did not say where it is:\n{said}")
        token = re.search(r"asks? for a token: (\w+)", said)[1]
        yield f"{address[0]}lab/tree/{FOLDER.relative_to(ROOT).as_posix()}/{{}}?reset&token={token}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server ends its kernels
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def page(chromium, request) -> Iterator:
    page = chromium.new_page(viewport={"width": 1280, "height": 1200})
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    page.screenshot(path=FOLDER / f"{request.node.name}.png")  # also of a failure
    page.close()


def menu(page, entry: str) -> None:
    page.locator(".lm-MenuBar-item").filter(has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-item").filter(has_text=re.compile(f"^{entry}")).click()


def run_all(page, lab: str, name: str, cells: list) -> None:
    """Write a notebook, open it, and run it by the menu."""
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    FOLDER.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells, metadata=python), FOLDER / name)
    page.goto(lab.format(name))
    page.get_by_text("| Idle").wait_for()  # the kernel; what is run earlier is forgotten
    menu(page, "Run All Cells")


def eventually(locator):
    driver.expect.set_options(timeout=PATIENCE * 1000)
    return driver.expect(locator)


def press_right(page, slider: str) -> None:
    """Focus a slider by its name and press the arrow key: another picture, other words beneath it."""
    panel = page.locator(".jp-OutputArea-output", has=page.get_by_text(slider, exact=True))
    picture, words = panel.locator("img"), panel.locator(".widget-html-content")
    eventually(picture).to_be_visible()
    eventually(page.get_by_text("| Idle")).to_be_visible()  # ipykernel 7.4 handles sliders between cells
    told, seen = words.inner_text(), picture.get_attribute("src")
    panel.locator(".widget-hslider", has=page.get_by_text(slider, exact=True)).get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    eventually(words).not_to_have_text(told)
    eventually(picture).not_to_have_attribute("src", seen)


def test_arrow_keys_move_sliders_and_pictures_answer(page, lab):
    run_all(page, lab, "sliders.ipynb", [v4.new_code_cell(source.strip()) for source in (PLANE, DIVERGENCES)])
    press_right(page, "z1")
    eventually(page.get_by_text("z1 = 0.1, z2 = 0.0")).to_be_visible()
    press_right(page, "centre of q")
    eventually(page.get_by_text("W1 2.100")).to_be_visible()  # from -1 to 1.1
    # The widget stands there alone, without the picture for pages that have no kernel.
    assert page.locator(".jp-OutputArea-output img").count() == 2
    assert page.locator(".jp-RenderedImage").count() == 0


def test_stop_ends_the_training_and_running_the_cell_again_goes_on(page, lab):
    run_all(page, lab, "live.ipynb", [v4.new_code_cell(source.strip()) for source in (MODEL, LIVE)])
    words = page.locator(".widget-html-content", has_text="Training curves")
    epochs = []
    for _ in range(2):
        told = words.inner_text()  # waits for the first picture
        eventually(words).not_to_have_text(told)
        page.screenshot(path=FOLDER / "live.png")
        page.locator(".widget-button", has_text="Stop").click()
        ended = page.get_by_text(re.compile(r"^interrupted: True, after \d+ epochs"))
        epochs.append(int(re.findall(r"\d+", ended.inner_text())[0]))
        eventually(page.get_by_text("| Idle")).to_be_visible()
        if len(epochs) == 1:
            page.locator(".jp-CodeCell .jp-InputArea").last.click()
            page.keyboard.press("Control+Enter")
            eventually(ended).to_have_count(0)
    assert epochs[1] > epochs[0]


def test_the_widget_of_a_chapter(page, lab, tmp_path):
    """The first chapter that has one, by its smoke parameters, run down to it."""
    for chapter in select():
        values, _ = overrides(chapter, "smoke")
        prepared = papermill.execute_notebook(chapter, tmp_path / chapter.name, values, prepare_only=True)
        for last, cell in enumerate(prepared.cells):
            if cell.cell_type == "code" and (found := [name for call, name in SLIDERS.items() if call in cell.source]):
                run_all(page, lab, chapter.name, prepared.cells[: last + 1])
                press_right(page, found[0])
                return
    pytest.fail("no chapter has a widget with sliders")


def test_a_chapter_that_is_opened_and_saved_is_the_same_file(page, lab):
    """Its kernel tells its version of Python, which must not reach the file, or the next pull is refused."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    copy = FOLDER / select()[0].name
    shutil.copyfile(select()[0], copy)
    os.utime(copy, (0, 0))
    page.goto(lab.format(copy.name))
    page.get_by_text("| Idle").wait_for()
    page.locator(".jp-Cell").first.click()
    page.keyboard.press("Control+s")
    end = time.monotonic() + PATIENCE
    while copy.stat().st_mtime == 0 and time.monotonic() < end:
        page.wait_for_timeout(200)
    assert copy.stat().st_mtime > 0, "it was not saved"
    assert copy.read_bytes() == select()[0].read_bytes()
