"""The files of a data set: where they lie, how they come there, and how we know that they are the true ones."""

import hashlib
import importlib.util
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lecturekit.data.errors import DataError, need


@dataclass(frozen=True)
class Files:
    """The files of one data set, by their paths below ``root``, which are those of torchvision."""

    name: str  # of the data set, for what is said when something is wrong
    root: Path  # the folder of downloads
    known: dict[str, tuple[str, ...]]  # path -> md5, and the addresses that have the file; empty for embedded sets
    instead: str = ""  # the embedded set that could be used without a network

    def path(self, file: str) -> Path:
        """Where the file lies; it is downloaded if it does not. DataError if its md5 is not the known one."""
        path, (md5, *addresses) = self.root / file, self.known[file]
        if not path.is_file():
            self._free(path)
            self._download(path, md5, addresses)
        elif _md5(path) != md5:
            raise self.damaged(path, f"its md5 is not {md5}")
        return path

    def unpacked(self, archive: str, folder: str) -> Path:
        """The folder in an archive, unpacked beside it. What lies there unpacked already is not checked again."""
        target = (self.root / archive).parent / folder
        if not target.is_dir():
            self._free(target)
            packed = self.path(archive)
            # keep what leads out of the folder from being written; of zip files shutil leaves it out anyway. The first
            # releases of Python 3.10 and 3.11 lack the filter: there the md5 alone says that the archive is good
            safe = {"filter": "data"} if packed.suffix != ".zip" and hasattr(tarfile, "data_filter") else {}
            with TemporaryDirectory(dir=packed.parent, prefix=".") as scratch:  # the folder is whole, or not there
                shutil.unpack_archive(packed, scratch, **safe)
                try:
                    Path(scratch, folder).rename(target)
                except OSError:
                    if not target.is_dir():  # else another process of torchrun was faster
                        raise
        return target

    def packaged(self, package: str, file: str) -> Path:
        """A file of an installed package, which is not imported; ModuleNotFoundError says what to install."""
        spec = importlib.util.find_spec(package)
        if spec is None:
            need(package, self.name)
        return Path(spec.submodule_search_locations[0], file)

    def damaged(self, path: Path, why) -> DataError:
        """The DataError for a file that is not what it should be, with the cure."""
        cure = "delete it, and load again" if self.known else "install its package again"
        return DataError(f"{self.name}: {path} is truncated or altered ({why}); {cure}")

    def _free(self, path):
        """DataError if something lies where a file or folder is to come, which it is not."""
        if os.path.lexists(path):
            what = "is a folder" if path.is_dir() else "is a link to nothing" if path.is_symlink() else "is a file"
            raise self.damaged(path, f"it {what}")

    def _download(self, path, md5, addresses):
        """Fetch a file by torchvision, which checks its md5, from the first address that has it."""
        fetch = need("torchvision.datasets.utils", f"downloading {self.name}")
        errors = []
        for url in addresses:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # so that an interrupted download cannot pass for the file
                with TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
                    if url.startswith("https://drive.google.com/"):
                        fetch.download_file_from_google_drive(url.rpartition("id=")[2], scratch, path.name, md5)
                    else:
                        fetch.download_url(url, scratch, path.name, md5)
                    Path(scratch, path.name).replace(path)
                return
            except Exception as error:  # those of urllib, http.client and gdown have no other base in common
                errors.append(f"{url}: {error}")
                if len(errors) == len(addresses):
                    raise DataError(
                        f"{self.name}: there is no {path}, and it cannot be downloaded ({'; '.join(errors)}). Put it "
                        "there by hand (data/README.md lists all files of this set), name a folder that has it by "
                        f"root= or LECTUREKIT_DATA, or use embedded data: load({self.instead!r})"
                    ) from error


def _md5(path):
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
