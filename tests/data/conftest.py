"""What the tests of named sets share: no network, and small files that the table is made to know."""

import hashlib
from dataclasses import replace
from urllib.error import URLError

import jaxtyping
import pytest

from lecturekit.data.sources import SOURCES


@pytest.fixture
def offline(monkeypatch):
    """What a download would have asked for; every request fails."""
    asked = []

    def fail(url, *args, **kwargs):
        asked.append(url)
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fail)
    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", fail)
    return asked


@pytest.fixture
def vouch(monkeypatch):
    """``vouch(name, root, **facts)``: the table knows the set's files below ``root`` by their md5, and these facts."""

    def vouch(name, root, **facts):
        source = SOURCES[name]
        files = {f: (hashlib.md5((root / f).read_bytes()).hexdigest(), *a) for f, (_, *a) in source.files.items()}
        monkeypatch.setitem(SOURCES, name, replace(source, files=files, **facts))

    return vouch


@pytest.fixture
def as_users_call():
    """Without the checks of annotations, which are made in tests only."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
