"""config.json: what a run is of, complete, with versions and device."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mindgan.runtime import device, files, jsonl
from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory


def write_config(run: RunDirectory, settings: dict[str, object], about: dict[str, object]) -> None:
    """Writes config.json.

    Args:
        run: where.
        settings: every setting by name.
        about: of the run: at least ``family``, ``data``, ``device`` and ``nimg_per_epoch``.
    """
    files.write_json(run.config, {"settings": settings, "run": about, "versions": device.versions()})


class Warnings:
    """Says lines, and keeps those that warn: for a run's config.json, and so its report."""

    START = "warning: "

    def __init__(self, run: RunDirectory, say: Callable[[str], None]):
        """
        Args:
            run: whose former warnings are kept, where it goes on.
            say: what lines are passed on to.
        """
        self._say = say
        self.kept: list[str] = []
        with suppress(UserError):  # there is none yet, or it is damaged and written anew
            self.kept = warnings_in(read_config(run)["run"])

    def __call__(self, line: str) -> None:
        self._say(line)
        warning = line.removeprefix(self.START)
        if warning != line and warning not in self.kept:
            self.kept.append(warning)


def warnings_in(about: Mapping[str, Any]) -> list[str]:
    """Those that ``run`` of a config.json keeps; none where it is of another kind."""
    kept = about.get("warnings")
    return [str(warning) for warning in kept] if isinstance(kept, list) else []


def places(**data: str | None) -> dict[str, str]:
    """Absolute paths of data by the names of their options, for who reads config.json from another folder."""
    return {name: str(files.user_path(f"--{name}", path).absolute()) for name, path in data.items() if path is not None}


def read_config(run: RunDirectory) -> dict:
    """The config.json of a run.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if not run.config.is_file():
        raise UserError(f"{run.root} is no run: it has no config.json; name the --train_url of a training")
    try:
        config = json.loads(run.config.read_bytes())
    except OSError as error:
        raise UserError(f"{run.config} cannot be read: {error.strerror}; mend its permissions") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{run.config} is damaged ({error}); remove it and run the training command again") from error
    if not _is_config(config):
        raise UserError(f"{run.config} is not of mindgan; name the --train_url of a training")
    return config


def read_run(root: str | Path) -> tuple[RunDirectory, dict, list[dict]]:
    """A run that has something to show: its folder, its config.json and the lines of its stats.jsonl.

    Raises:
        UserError: `root` is no run, or nothing was recorded in it yet.
    """
    run = RunDirectory(root)
    config, stats = read_config(run), jsonl.read_stats(run.stats)
    if not stats:
        raise UserError(f"{run.stats} holds no losses yet; train first")
    return run, config, stats


def _is_config(config: object) -> bool:
    if not isinstance(config, dict):
        return False
    parts = [config.get(name) for name in ("settings", "run", "versions")]
    if not all(isinstance(part, dict) for part in parts):
        return False
    about = config["run"]
    nimg_per_epoch = about.get("nimg_per_epoch")
    told = all(isinstance(about.get(name), str) for name in ("data", "device"))
    return told and isinstance(nimg_per_epoch, int) and nimg_per_epoch > 0


def tell_other_versions(run: RunDirectory, say: Callable[[str], None]) -> None:
    """The one thing that a run may go on with and yet not end in the same bytes."""
    with suppress(UserError):  # a damaged config.json is written anew
        before, now = read_config(run)["versions"], device.versions()
        names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if names:
            changes = ", ".join(f"{name} {now.get(name)} (was {before.get(name)})" for name in names)
            say(f"going on with other versions, so not to the same bytes as before: {changes}")


def epoch_seconds(timing: list[dict]) -> list[float]:
    """Seconds of each epoch, in their order; an epoch that was interrupted has more than one line."""
    seconds: dict[int, float] = {}
    for line in timing:
        seconds[line["epoch"]] = seconds.get(line["epoch"], 0.0) + line["seconds"]
    return [seconds[epoch] for epoch in sorted(seconds)]
