"""Where images come from: a folder, with or without a folder for each class, a .zip, or a ModelArts manifest."""

import errno
import os
import stat
import zipfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mindgan.data.image_archive import list_archive
from mindgan.data.image_set import (
    CONTRADICTED,
    DOUBLE,
    MAX_FILE_BYTES,
    MAX_JSON_BYTES,
    MAX_XML_BYTES,
    ImageItem,
    ImageSet,
    Listing,
    XmlFile,
    is_image_name,
    is_xml_name,
    passed_over_for_name,
    shown,
    top_folder,
)
from mindgan.data.manifest import ManifestRow, read_rows
from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path

MAX_DEPTH = 32
MAX_FOLDERS = 100_000  # links from folder to folder can make a walk longer than any disk
MANIFEST_SUFFIXES = (".manifest", ".jsonl", ".json")
PACKED_HEADS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"(\xb5/\xfd")
TAR_OFFSET, TAR_HEAD = 257, b"ustar"  # POSIX.1-2017, pax: the field magic
WAY_OUT = "name a folder of images, a .zip or a .manifest"


def list_images(path: str | Path, *, option: str) -> ImageSet:
    """The images under a path, in the order of their names; nothing is decoded and nothing written.

    Args:
        path: a folder, whose folders are classes; a .zip of such a folder; or a ModelArts manifest, whose sources are
            local paths, absolute or relative to the manifest, and whose rows without annotation have no label.
        option: the option that gave the path, for messages.

    Raises:
        UserError: there is no such path, it is another kind of file, or a manifest or archive is damaged. Single
            files that cannot be read are `ImageSet.problems` instead.
    """
    text = str(path)
    if "://" in text or text.startswith(("s3:/", "obs:/")):
        raise UserError(
            f"{option} {shown(text)}: objects of a store are not read directly; copy them here and {WAY_OUT}"
        )
    root = user_path(option, text)
    mode = _stat_root(root, option).st_mode
    if stat.S_ISDIR(mode):
        return _list_folder(root, option)
    if not stat.S_ISREG(mode):
        raise UserError(f"{option} {shown(root)} is neither a folder nor an ordinary file; {WAY_OUT}")
    if root.suffix.lower() in MANIFEST_SUFFIXES:
        return _list_manifest(root, option)
    if _is_packed(root, option):
        raise UserError(f"{option} {shown(root)} is a packed file other than .zip; unpack it and name its folder")
    if root.suffix.lower() == ".zip" or zipfile.is_zipfile(root):
        return list_archive(root, option)
    raise UserError(f"{option} {shown(root)} is a file, and neither .zip nor .manifest; {WAY_OUT}")


def _stat_root(root: Path, option: str) -> os.stat_result:
    try:
        found = root.stat()
        if not os.access(root, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return found
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {shown(root)} cannot be read: {_reason(error, root)}; {WAY_OUT}") from error


def _is_packed(root: Path, option: str) -> bool:
    """Whether it is an archive of a kind that is not read, by its first bytes, whatever its name says."""
    try:
        head = read_file(root, limit=TAR_OFFSET + len(TAR_HEAD))
    except UserError as error:
        raise UserError(f"{option} {error}") from error
    return head.startswith(PACKED_HEADS) or head[TAR_OFFSET:] == TAR_HEAD


def _reason(error: OSError | ValueError, path: Path) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ELOOP:
        return "a loop of symbolic links"
    if number == errno.ENOENT:
        return "a broken symbolic link" if path.is_symlink() else "it does not exist"
    return (getattr(error, "strerror", None) or shown(error)).lower()


def _list_folder(root: Path, option: str) -> ImageSet:
    listing = Listing()
    try:
        _Walk(listing, f"{option} {shown(root)}").visit(root, "", ((root.stat().st_dev, root.stat().st_ino),))
    except OSError as error:
        raise UserError(f"{option} {shown(root)} cannot be read: {_reason(error, root)}; {WAY_OUT}") from error
    return listing.finish(option, root)


class _Walk:
    """Adds what lies below a folder to a listing, through symbolic links too, but never in a circle."""

    def __init__(self, listing: Listing, named: str):
        self._listing = listing
        self._named = named
        self._num_folders = 0

    def visit(self, folder: Path, prefix: str, way: tuple[tuple[int, int], ...]) -> None:
        """`prefix` is the folder's name with ``/``, `way` the identities of the folders down to it and of itself."""
        self._num_folders += 1
        if self._num_folders > MAX_FOLDERS:
            raise UserError(f"{self._named} leads to over {MAX_FOLDERS} folders; remove the links between its folders")
        for name in os.listdir(folder):
            if reason := passed_over_for_name(name):
                self._listing.pass_over(prefix + name, reason)
                continue
            try:
                self._visit_entry(folder / name, prefix + name, way)
            except OSError as error:
                self._listing.problem(prefix + name, _reason(error, folder / name))

    def _visit_entry(self, path: Path, name: str, way: tuple[tuple[int, int], ...]) -> None:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            _add_file(path, name, found, self._listing)
            return
        if "/" not in name:
            self._listing.folders.add(name)
        identity = (found.st_dev, found.st_ino)
        if identity in way:
            self._listing.problem(name, "a symbolic link to a folder that it lies in")
        elif len(way) > MAX_DEPTH:
            self._listing.problem(name, f"more than {MAX_DEPTH} folders deep")
        else:
            self.visit(path, f"{name}/", (*way, identity))


class _Told(NamedTuple):
    """What a manifest says of an image."""

    label: str | None
    usage: str | None
    xml: XmlFile | None
    has_one_label: bool = True


def _add_file(path: Path, name: str, found: os.stat_result, listing: Listing, told: _Told | None = None) -> None:
    """Adds a file that is an image or an XML; what a manifest says of it goes before what its folder says.

    Raises:
        OSError: its first bytes cannot be read.
    """
    if not stat.S_ISREG(found.st_mode):
        what = "a folder, not a file" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
        listing.problem(name, what)  # opening a pipe would wait for ever
    elif not os.access(path, os.R_OK):
        listing.problem(name, "permission denied")
    elif is_xml_name(name) and told is None:
        listing.add_xml(_xml_file(path, name))
    elif not is_image_name(name, lambda: _first_bytes(path, 16)):
        listing.add_other(name, partial(read_file, path, MAX_JSON_BYTES + 1))
    elif found.st_size > MAX_FILE_BYTES:
        listing.problem(name, f"larger than {MAX_FILE_BYTES >> 20} MiB")
    else:
        label, usage, xml, has_one_label = told or _Told(top_folder(name), None, None)
        read = partial(read_file, path)
        listing.items.append(ImageItem(name, label, shown(path), found.st_size, read, usage, path, xml, has_one_label))


def _xml_file(path: Path, name: str) -> XmlFile:
    return XmlFile(name, shown(path), partial(read_file, path, MAX_XML_BYTES + 1))


def _first_bytes(path: Path, limit: int) -> bytes:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:  # some of the system's files say so, and reading them would wait for ever
            return b""
        return file.read(min(limit, size + 1))  # memory for all of it is claimed at once


def read_file(path: Path, limit: int = MAX_FILE_BYTES + 1) -> bytes:
    """The first `limit` bytes of a file.

    Raises:
        UserError: it cannot be read, is no ordinary file, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise OSError(errno.EINVAL, "no ordinary file")
        data = _first_bytes(path, limit)
    except OSError as error:
        raise UserError(f"{shown(path)} cannot be read: {_reason(error, path)}; mend or remove it") from error
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"{shown(path)} is larger than {MAX_FILE_BYTES >> 20} MiB; remove it")
    return data


def _list_manifest(manifest: Path, option: str) -> ImageSet:
    listing = Listing()
    rows: dict[str, ManifestRow] = {}
    for row in read_rows(manifest, option):
        if "://" in row.source:
            raise UserError(
                f"{option} {shown(manifest)}, line {row.line}: {shown(row.source)} is not on this machine; "
                f"copy the images here and write paths relative to the manifest"
            )
        first = rows.setdefault(os.path.abspath(manifest.parent / row.source), row)
        if first is not row:
            listing.pass_over(f"line {row.line}: {row.source}", DOUBLE if first.label == row.label else CONTRADICTED)
    common = os.path.commonpath([os.path.dirname(absolute) for absolute in rows]) if rows else ""
    for absolute, row in rows.items():
        path, name = manifest.parent / row.source, Path(os.path.relpath(absolute, common)).as_posix()
        xml = _xml_of_row(manifest, row.xml) if row.xml else None
        try:
            _add_file(path, name, path.stat(), listing, _Told(row.label, row.usage, xml, row.has_one_label))
        except OSError as error:
            listing.problem(name, _reason(error, path))
    return listing.finish(option, manifest)


def _xml_of_row(manifest: Path, location: str) -> XmlFile:
    if "://" not in location:
        return _xml_file(manifest.parent / location, location)

    def refuse() -> bytes:
        raise UserError(f"{shown(location)} is not on this machine; copy it here and name it in the manifest")

    return XmlFile(location, shown(location), refuse)
