"""`mindgan data check`: what is wrong with the images of a folder."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional

from mindgan.runtime.errors import UserError
from mindgan.runtime.files import user_path, write_atomically

DESCRIPTION = (
    "Report on every image of a folder, .zip or ModelArts manifest: what a training with --do_validation True would "
    "mend or leave out. The images stay as they are."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Check images."""

    source: Annotated[str, Positional]
    """A folder, a .zip or a ModelArts manifest."""

    image_channel: int = 3
    """3 for colour, 1 for grey."""

    image_max_width: int = -1
    """Wider images are found too large, px; -1 for any width."""

    image_max_height: int = -1
    """Higher images are found too large, px; -1 for any height."""

    report: str | None = None
    """A .jsonl file to write the whole report to, a line for every file; on the screen it is shortened."""

    def __post_init__(self) -> None:
        user_path("DIR", self.source)
        if self.report is not None and user_path("--report", self.report).suffix != ".jsonl":
            raise UserError(f"--report {self.report} must end in .jsonl")


def run(options: Options) -> int:
    """Prints the report; exit code 0, also where images are bad."""
    from mindgan.data.image_source import list_images
    from mindgan.data.report import json_lines, text
    from mindgan.data.validation import check

    report = check(
        list_images(options.source, option="DIR"),
        image_channel=options.image_channel,
        image_max_width=options.image_max_width,
        image_max_height=options.image_max_height,
    )
    if options.report is not None:
        write_atomically(user_path("--report", options.report), json_lines(report))
    print(text(report, whole=options.report))
    return 0
