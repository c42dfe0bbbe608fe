"""Transfers one URL to one file with the `download` package. Run as a process: ``python transfer.py URL PATH``.

`download` sets no time limit on a transfer and a name look-up can hang outside Python; a process of its own can be
killed whatever it hangs in, its output goes nowhere, and what it sets does not leak into the run.
"""

import errno
import os
import socket
import sys

SILENCE_SECONDS = 10.0  # so that this process ends by itself, too, where the one that started it was killed


def main(url: str, path: str) -> int:
    """Transfers `url` to `path`.

    Returns:
        The exit code: 0, `errno.ENOSPC` for a full disk, or 1 with the reason as the last line on stderr.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]  # modules here are not top-level ones
    from download import download

    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        download(url, path, replace=True, progressbar=False, verbose=False, timeout=SILENCE_SECONDS)
    except RuntimeError as error:  # what happened, in a text of several lines
        cause = _origin(error)
        print(cause, file=sys.stderr)
        return errno.ENOSPC if getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT) else 1
    return 0


def _origin(error: BaseException) -> BaseException:
    """The first error, of which the others are consequences."""
    while error.__context__ is not None:
        error = error.__context__
    return error


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
