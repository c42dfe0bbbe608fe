"""The PASCAL VOC XML of an image: what is wrong with it, and the XML that fits the validated image.

The rules are those of ModelArts' operator "Data Validation" (MetaValidation). Beyond them boxes of an image that was
turned upright by its EXIF orientation stay only where the XML has the size of the upright image: elsewhere nothing
tells which way up they were drawn. An XML with a document type is refused, since entities can claim memory without
bound or read other files.
"""

import math
from typing import NamedTuple
from xml.etree import ElementTree

from mindgan.data.image_set import MAX_XML_BYTES, shown

MIN_SIDE = 2  # px
MAX_OUTSIDE = 0.5  # of the area of a box
CORNERS = ("xmin", "ymin", "xmax", "ymax")
OTHER_SHAPES = ("point", "line", "polygon", "circle")
REFUSED = (b"<!DOCTYPE", b"<!ENTITY")


class Unusable(Exception):
    """The XML says nothing that can be used; the message is half a line: what is wrong, a colon, details."""


class Picture(NamedTuple):
    """The image that an XML belongs to, as validation has judged it."""

    size: tuple[int, int]
    """(width, height) upright, px."""
    result_size: tuple[int, int]
    """(width, height) of the result, px."""
    channels: int
    """Of the result."""
    turned: bool
    """Whether an EXIF orientation was applied."""
    renamed: str | None
    """The name of the result, without folder, where it is another than that of the file."""


class JudgedXml(NamedTuple):
    """What is wrong with an XML, and the bytes that take its place: the same where nothing is."""

    findings: tuple[str, ...]
    data: bytes


def judge_xml(data: bytes, picture: Picture) -> JudgedXml:
    """What is wrong with the bytes of an XML, and the bytes that take their place.

    Boxes are in pixels of the image, each corner 0 to its width or height.

    Raises:
        Unusable: it cannot be parsed, or no object with a valid bndbox is left.
    """
    root = _parse(data)
    findings = _mend_size(root, picture)
    objects = root.findall("object")
    if not objects:
        raise Unusable("XML without objects")
    if not any(thing.find("bndbox") is not None for thing in objects):
        raise Unusable("XML without a bndbox")
    for number, thing in enumerate(objects, 1):
        found, keep = _mend_object(thing, picture)
        findings += [f"{finding}: object {number}{_called(thing)}" for finding in found]
        if not keep:
            root.remove(thing)
    if root.find("object") is None:
        raise Unusable(f"XML without a valid object: {'; '.join(findings)}")
    if picture.renamed and (name := root.find("filename")) is not None:
        name.text = shown(picture.renamed)  # control characters cannot stand in XML
        findings.append("XML of a renamed image")
    return JudgedXml(tuple(findings), _bytes(root) if findings else data)


def _bytes(root: ElementTree.Element) -> bytes:
    try:
        return ElementTree.tostring(root, encoding="utf-8") + b"\n"
    except RecursionError as error:
        raise Unusable("XML too deep") from error


def _parse(data: bytes) -> ElementTree.Element:
    if len(data) > MAX_XML_BYTES:
        raise Unusable(f"XML of more than {MAX_XML_BYTES >> 20} MiB")
    text = data.replace(b"\0", b"").upper()  # of UTF-16 too; expat reads no encoding that hides these letters otherwise
    if any(mark in text for mark in REFUSED):
        raise Unusable("XML with a document type or entities")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unusable(f"XML cannot be parsed: {shown(error)}") from error
    return root


def _mend_size(root: ElementTree.Element, picture: Picture) -> list[str]:
    """Fills in or corrects the size; returns what was wrong."""
    size = root.find("size")
    width, height = _number(size, "width"), _number(size, "height")
    findings = []
    if (width, height) != picture.size:
        if picture.turned:
            raise Unusable("XML of an image that EXIF turns, without the size of the upright one")
        missing = width is None or height is None
        findings.append("XML without a size" if missing else f"XML with the wrong size: {width:g}x{height:g}")
    if picture.result_size != picture.size:
        findings.append("XML of a reduced image")
    depth = _number(size, "depth")
    if depth is not None and depth != picture.channels:
        findings.append(f"XML with the wrong depth: {depth:g}")
    if findings:
        size = ElementTree.SubElement(root, "size") if size is None else size
        for name, value in zip(("width", "height", "depth"), (*picture.result_size, picture.channels), strict=True):
            _write(size, name, value)
    return findings


def _mend_object(thing: ElementTree.Element, picture: Picture) -> tuple[list[str], bool]:
    """Brings the boxes of an object into the result; returns what was wrong, and whether the object stays."""
    box = thing.find("bndbox")
    if box is None:
        return ["object without a bndbox"], False
    finding, keep = _mend_box(box, picture)
    findings = [finding] if finding else []
    if not keep:
        return findings, False
    for part in thing.findall("part"):  # of a person, VOC2012
        inner = part.find("bndbox")
        if inner is not None and not _mend_box(inner, picture)[1]:
            thing.remove(part)
            findings.append("part with an invalid bndbox")
    if picture.result_size != picture.size:
        for shape in [child for child in thing if child.tag in OTHER_SHAPES]:
            thing.remove(shape)
            findings.append(f"{shape.tag} of a reduced image, which only boxes are kept of")
    return findings, True


def _mend_box(box: ElementTree.Element, picture: Picture) -> tuple[str | None, bool]:
    """Scales a box to the result and clips it; returns what was wrong, and whether it stays."""
    corners = [_number(box, name) for name in CORNERS]
    if None in corners:
        return "bndbox without four numbers", False
    (width, height), sides = picture.result_size, picture.size * 2
    limits = (width, height, width, height)
    left, top, right, bottom = (  # multiplied first: the last pixel stays the last
        corner * limit / side for corner, limit, side in zip(corners, limits, sides, strict=True) if corner is not None
    )
    if left > right or top > bottom:
        return "bndbox with min above max", False
    inside = [min(max(corner, 0), limit) for corner, limit in zip((left, top, right, bottom), limits, strict=True)]
    area, area_inside = ((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in ((left, top, right, bottom), inside))
    outside = inside != [left, top, right, bottom]
    if outside and area_inside < (1 - MAX_OUTSIDE) * area:
        return "bndbox mostly outside of the image", False
    if outside or picture.result_size != picture.size:
        inside = [round(corner) for corner in inside]
        for name, corner in zip(CORNERS, inside, strict=True):
            _write(box, name, corner)
    if inside[2] - inside[0] < MIN_SIDE or inside[3] - inside[1] < MIN_SIDE:
        return f"bndbox with a side below {MIN_SIDE} px", False
    return ("bndbox partly outside of the image" if outside else None), True


def _number(parent: ElementTree.Element | None, name: str) -> float | None:
    """A finite number within an element, or None."""
    try:
        number = float((parent.findtext(name) if parent is not None else None) or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _write(parent: ElementTree.Element, name: str, value: float) -> None:
    child = parent.find(name)
    child = ElementTree.SubElement(parent, name) if child is None else child
    child.text = str(value)


def _called(thing: ElementTree.Element) -> str:
    name = (thing.findtext("name") or "").strip()
    return f" ({shown(name[:40])})" if name else ""
