"""A set of images: what each is called, its label, and a way to read its bytes. Nothing is decoded here."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from mindgan.runtime.errors import UserError

MAX_FILE_BYTES = 256 << 20  # of one image file, which is read into memory whole
MAX_XML_BYTES = 1 << 20  # of one file of boxes: thousands of them
# Why files are passed over.
OTHER_KIND, DOUBLE = "of another kind", "listed twice"
CONTRADICTED = "listed again with another label, which is not used"
RECORDS = "TFRecords"
PACKED, ALONE = "packed and not unpacked here", "XML without an image"

SUFFIXES = (  # of files that mean to be images, also where they turn out not to be
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".mpo"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".heic", ".heif"),
)
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
XML_SUFFIX = ".xml"
DATASET_JSON = "dataset.json"  # of the labels of a set, at its top: StyleGAN2-ADA, dataset_tool
MAX_JSON_BYTES = 64 << 20  # of it: a million images
LITTER = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")  # left by file managers, in lower case


def shown(name: object) -> str:
    """A name as one line for a person: control characters and bytes that are no text stand escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(name))


def passed_over_for_name(name: str) -> str | None:
    """Why a file or folder of this name (its last part) is passed over without a look, or None."""
    if name.casefold() in LITTER:
        return "left by a file manager"
    return "hidden" if name.startswith(".") else None


def passed_over_for_kind(name: str) -> str:
    """Why a file that is no image is passed over."""
    last = PurePosixPath(name)
    if last.suffix.lower() in ARCHIVES:
        return PACKED
    return RECORDS if ".tfrecord" in last.name.lower() else OTHER_KIND


def is_xml_name(name: str) -> bool:
    """Whether a file may hold the boxes of an image."""
    return Path(name).suffix.lower() == XML_SUFFIX


def is_image_name(name: str, head: Callable[[], bytes]) -> bool:
    """Whether a file means to be an image: by its suffix or, where it has none, by its first bytes `head()`."""
    suffix = Path(name).suffix.lower()
    if suffix:
        return suffix in SUFFIXES
    first = head()
    return first.startswith(SIGNATURES) or (first[:4] == b"RIFF" and first[8:12] == b"WEBP")


@dataclass(frozen=True)
class XmlFile:
    """What is marked in an image: a PASCAL VOC annotation."""

    name: str
    """Path relative to the set, or as a manifest has it."""
    where: str
    """The whole path, for a person."""
    reader: Callable[[], bytes] = field(repr=False, compare=False)
    """Reads the file, or a byte more than `MAX_XML_BYTES` of it; UserError where it cannot be read."""


@dataclass(frozen=True)
class ImageItem:
    """One image file."""

    name: str
    """Path relative to the set, with ``/``; neither absolute nor with ``..``, so outputs may be named after it."""
    label: str | None
    """Its class: the first folder of its name, or what a manifest says."""
    where: str
    """The whole path, for a person; it may be in an archive."""
    num_bytes: int
    """Size of the file when it was listed."""
    reader: Callable[[], bytes] = field(repr=False, compare=False)
    """Reads the file, as `read`."""
    usage: str | None = None
    """``train``, ``eval``, ``test`` or ``inference`` where a manifest says so."""
    path: Path | None = None
    """The file; None in an archive."""
    xml: XmlFile | None = None
    """Its annotation: the XML of the same name beside it, or the one that a manifest names."""
    has_one_label: bool = True
    """False where a manifest names several classes, of which `label` is the first."""
    condition: int | np.ndarray | None = field(default=None, repr=False, compare=False)
    """The number of its class, or numbers [c], where a dataset.json or .labels file says so."""

    def read(self) -> bytes:
        """The bytes of the file.

        Raises:
            UserError: it cannot be read any more, or is larger than `MAX_FILE_BYTES`.
        """
        return self.reader()


@dataclass(frozen=True)
class Problem:
    """A file or folder that should have given images and cannot."""

    name: str
    """As of an `ImageItem`."""
    finding: str
    """What is wrong, in half a line."""


@dataclass(frozen=True)
class ImageSet:
    """Images in the order of their names."""

    option: str
    """The option that named the set, such as ``--data_url``, for messages."""
    source: Path
    """The folder, archive or manifest."""
    items: tuple[ImageItem, ...]
    problems: tuple[Problem, ...] = ()
    """What cannot be read, by name."""
    passed: tuple[Problem, ...] = ()
    """Files and folders that are no images, by name; the finding is the reason."""
    folders: tuple[str, ...] = ()
    """The folders at its top, also those without images."""
    dataset_json: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)
    """Reads the dataset.json at its top, or a byte more than `MAX_JSON_BYTES` of it; None where there is none."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels there are, in alphabetical order."""
        return tuple(sorted({item.label for item in self.items if item.label is not None}))

    @property
    def passed_over(self) -> tuple[tuple[str, int], ...]:
        """Why files were passed over: (reason, how many), in alphabetical order."""
        return tuple(sorted(Counter(other.finding for other in self.passed).items()))

    def select(self, keep: Callable[[ImageItem], bool]) -> "ImageSet":
        """The images for which `keep(item)` holds."""
        return replace(self, items=tuple(item for item in self.items if keep(item)))

    def under(self, folder: str) -> "ImageSet":
        """What lies in one folder at the top, named and labelled from there."""
        items = tuple(_within(item, folder) for item in self.items if item.name.startswith(f"{folder}/"))
        folders = tuple(sorted({item.label for item in items if item.label is not None}))
        problems, passed = (_named_within(those, folder) for those in (self.problems, self.passed))
        return ImageSet(self.option, self.source / folder, items, problems, passed, folders)

    def require(self, least: int) -> None:
        """Raises UserError where there are fewer than `least` images."""
        if len(self) >= least:
            return
        count = "no images" if not self.items else f"{len(self)} image{'s' * (len(self) > 1)}"
        raise UserError(
            f"{self.option} {shown(self.source)} holds {count}{self._excuse()}; "
            f"give a folder, .zip or manifest with {least} or more"
        )

    def _excuse(self) -> str:
        if self.problems:
            return f" ({shown(self.problems[0].name)}: {self.problems[0].finding})"
        return f" ({self.left_out()})" if self.passed_over else ""

    def left_out(self) -> str:
        """What was left out, in half a line; empty where nothing was."""
        parts = [f"{count} {reason}" for reason, count in self.passed_over]
        if self.problems:
            parts.append(f"{len(self.problems)} unreadable, the first {shown(self.problems[0].name)}")
        return f"left out: {', '.join(parts)}" if parts else ""


def _within(item: ImageItem, folder: str) -> ImageItem:
    name = item.name.removeprefix(f"{folder}/")
    xml = item.xml and replace(item.xml, name=item.xml.name.removeprefix(f"{folder}/"))
    return replace(item, name=name, label=top_folder(name), xml=xml)


def _named_within(those: tuple[Problem, ...], folder: str) -> tuple[Problem, ...]:
    inside = f"{folder}/"
    return tuple(
        replace(one, name=one.name.removeprefix(inside))
        for one in those
        if one.name == folder or one.name.startswith(inside)
    )


def top_folder(name: str) -> str | None:
    """The first folder of a name, or None for a file at the top."""
    return name.split("/")[0] if "/" in name else None


@dataclass
class Listing:
    """An `ImageSet` in the making."""

    items: list[ImageItem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed: list[Problem] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    xmls: dict[str, XmlFile] = field(default_factory=dict)
    """By their names without suffix."""
    dataset_json: Callable[[], bytes] | None = None

    def problem(self, name: str, finding: str) -> None:
        """Notes what cannot be read."""
        self.problems.append(Problem(name, finding))

    def add_other(self, name: str, reader: Callable[[], bytes]) -> None:
        """Notes a file of another kind; a dataset.json at the top can be read later."""
        if name == DATASET_JSON:
            self.dataset_json = reader
        self.pass_over(name, passed_over_for_kind(name))

    def pass_over(self, name: str, reason: str) -> None:
        """Notes what is no image."""
        self.passed.append(Problem(name, reason))

    def add_xml(self, xml: XmlFile) -> None:
        """Notes an annotation, which goes to the image of the same name."""
        if self.xmls.setdefault(_stem(xml.name), xml) is not xml:
            self.pass_over(xml.name, ALONE)

    def finish(self, option: str, source: Path) -> ImageSet:
        """The set, sorted by code points, whatever order the file system had."""
        items = tuple(map(self._with_xml, sorted(self.items, key=lambda item: item.name)))
        for xml in self.xmls.values():
            self.pass_over(xml.name, ALONE)
        problems, passed = (tuple(sorted(those, key=lambda one: one.name)) for those in (self.problems, self.passed))
        return ImageSet(option, source, items, problems, passed, tuple(sorted(self.folders)), self.dataset_json)

    def _with_xml(self, item: ImageItem) -> ImageItem:
        """Of two images of one name, such as 1.jpg and 1.png, the first gets the XML."""
        xml = self.xmls.pop(_stem(item.name), None)
        return item if xml is None else replace(item, xml=xml)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
