"""`python -m mindgan` is `mindgan`."""

import signal
import sys


def main() -> int:
    """The exit code of the command line; Ctrl-C is quiet from the first moment, while modules are still loaded."""
    try:
        return _command_line()()
    except KeyboardInterrupt:
        print("mindgan: stopped", file=sys.stderr)
        return 130


def _command_line():  # type: ignore[no-untyped-def]
    """What runs a command. A Ctrl-C while it is imported waits until then: imports may swallow an exception."""
    before = signal.getsignal(signal.SIGINT)
    arrived: list[int] = []
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: arrived.append(number))
    try:
        from mindgan.cli import main as command_line
    finally:
        signal.signal(signal.SIGINT, before)
    if arrived:
        raise KeyboardInterrupt
    return command_line.main


if __name__ == "__main__":
    sys.exit(main())
