"""Images in a .zip: read one by one into memory, never unpacked to disk."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from mindgan.data.image_set import (
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
from mindgan.runtime.errors import UserError

# What reading a damaged or hostile archive raises; RuntimeError is zipfile's for a missing password.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
MAX_FOLDER_BYTES, MAX_PATH_BYTES = 255, 1024  # of names: what most file systems take, with room for the place of work
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can claim memory without bound


def list_archive(path: Path, option: str) -> ImageSet:
    """The images in a .zip; a single folder that holds everything, as of a zipped folder, is left out of the names.

    Raises:
        UserError: it is no whole archive, or holds a name that leads out of a folder.
    """
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED as error:
        raise UserError(f"{option} {shown(path)} is no whole .zip ({shown(error)}); pack it again") from error
    members: dict[str, zipfile.ZipInfo] = {}
    listing = Listing()
    for info in archive.infolist():
        name = _safe_name(info, f"{option} {shown(path)}")
        if name in members and not info.is_dir():
            listing.pass_over(name, DOUBLE)
        members[name] = info  # of one name, the last counts, as for those who unpack
    wanted = {name: info for name, info in members.items() if not _passed_over(name, info, listing)}
    folders = {str(parent) for name in wanted for parent in PurePosixPath(name).parents}
    start = _length_of_common_folder(wanted)
    for name, info in wanted.items():
        if not info.is_dir():
            _add(archive, info, name[start:], f"{path}/{name}", listing, is_folder=name in folders)
        if folder := top_folder(name[start:] + "/" * info.is_dir()):
            listing.folders.add(folder)
    return listing.finish(option, path)


def _safe_name(info: zipfile.ZipInfo, named: str) -> str:
    """The name of a member with ``/``; UserError where it is absolute or has ``..``."""
    name = info.filename.replace("\\", "/")  # of archives packed on Windows with wrong tools
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or parts[0][1:2] == ":":
        raise UserError(f"{named} holds the name '{shown(info.filename)}', which leads out of a folder; pack it again")
    return "/".join(parts)


def _passed_over(name: str, info: zipfile.ZipInfo, listing: Listing) -> bool:
    reason = next(filter(None, map(passed_over_for_name, name.split("/"))), None)
    if reason and not info.is_dir():
        listing.pass_over(name, reason)
    return reason is not None


def _length_of_common_folder(names: dict[str, zipfile.ZipInfo]) -> int:
    files = [name for name, info in names.items() if not info.is_dir()]
    tops = {top_folder(name) for name in files}
    (top,) = tops if len(tops) == 1 else (None,)
    return len(top) + 1 if top else 0


def _add(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, where: str, listing: Listing, *, is_folder: bool
) -> None:
    read = partial(_read, archive, info, shown(where))
    finding = "also the name of a folder" if is_folder else _finding(info)
    if is_xml_name(name):
        listing.pass_over(name, finding) if finding else listing.add_xml(
            XmlFile(name, shown(where), partial(read, limit=MAX_XML_BYTES + 1))
        )
    elif finding:
        listing.problem(name, finding)
    elif _is_image(name, read, listing):
        listing.items.append(ImageItem(name, top_folder(name), shown(where), info.file_size, read))


def _is_image(name: str, read: Callable[..., bytes], listing: Listing) -> bool:
    """Whether a member is an image; what is none, or cannot be read to know, is noted."""
    try:
        if is_image_name(name, lambda: read(limit=16)):
            return True
        listing.add_other(name, partial(read, limit=MAX_JSON_BYTES + 1))
    except UserError:
        listing.problem(name, "damaged in the archive")
    return False


def _finding(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not even tried to be read, or None."""
    if info.flag_bits & 1:
        return "encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link in an archive"
    if info.compress_type not in METHODS:
        return "compressed by another method than deflate"
    if info.file_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES >> 20} MiB"
    path = os.fsencode(info.filename)
    longest = max(map(len, path.replace(b"\\", b"/").split(b"/")[:-1]), default=0)
    too_long = longest > MAX_FOLDER_BYTES or len(path) > MAX_PATH_BYTES
    return "in a folder with a name too long for a disk" if too_long else None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, limit: int = -1) -> bytes:
    """The content of a member, of which zipfile reads no more than the size that was checked."""
    try:
        with archive.open(info) as file:
            return file.read(limit)
    except DAMAGED as error:
        raise UserError(f"{where} cannot be read: {shown(error)}; pack the .zip again without it") from error
