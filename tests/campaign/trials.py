"""Single trials: a fault decided by a seed, and how the same command resumes."""

import dataclasses
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faulty
import state
from forked import Run
from kinds import Kind

_STOPPED = {
    signal.SIGKILL: -9,
    signal.SIGTERM: 143,
    signal.SIGINT: 130,
    signal.SIGHUP: 129,
}
_REMEDY = re.compile(r"remove (/[^:;]+)")
_FILES = 16
"""Maximum number of a workdir's files that one trial damages."""
_REMEDIES = 0.4
"""The probability that the remedy of a refusal is tried."""
_ATTEMPTS = 3
_FEWEST_KILLS = 4
_SECONDS = 60
"""Approximate time that all runs of a trial may take together."""
_LONGEST = 600
"""Seconds after which a run counts as hanging."""


@dataclasses.dataclass
class Outcome:
    """The outcome of a trial.

    Attributes:
      fault: what was tried.
      kind: the kind of run.
      seed: the seed that decides everything about the trial.
      faults: the number of kills or other faults.
      answer: how the program answered.
      problem: what is wrong with the answer, or None.
    """

    fault: str
    kind: str
    seed: int
    faults: int
    answer: str
    problem: str | None


class Home:
    """The folder of a campaign: files that runs share, and runs without faults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._references: dict[str, tuple[dict[str, Any], float]] = {}

    def run(self, kind: Kind, workdir: Path, **options: Any) -> Run:
        """Starts a run of a kind."""
        log = workdir.with_name(f"{workdir.name}.log")
        return Run(kind.command(workdir, self.path), log, **options)

    def reference(self, kind: Kind) -> tuple[dict[str, Any], float]:
        """The results of a kind's run without faults, and its time once compiled."""
        if kind.name not in self._references:
            path = self.finished(kind)
            again = self.fresh("timed")
            begin = time.monotonic()
            _require_done(self.run(kind, again))
            seconds = time.monotonic() - begin
            self._references[kind.name] = state.results(path), seconds
        return self._references[kind.name]

    def faster(self, kind: Kind, seconds: float) -> None:
        """Records that a run of this kind takes no longer than ``seconds``."""
        found, _ = self._references[kind.name]
        self._references[kind.name] = found, seconds

    def finished(self, kind: Kind) -> Path:
        """The workdir of a finished run without faults."""
        path = self.path / "references" / kind.name.replace(" ", "_")
        done = path.with_name(f"{path.name}.done")
        if not done.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.parent.mkdir(exist_ok=True)
            _require_done(self.run(kind, path))
            done.touch()
        return path

    def fresh(self, name: str) -> Path:
        """The path of a new workdir; removes what was there."""
        path = self.path / "trials" / name
        if path.is_mount():
            # An earlier campaign was killed in the middle of a trial.
            subprocess.run(["umount", str(path)], check=True)
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(exist_ok=True)
        return path


def kills(home: Home, kind: Kind, seed: int, most: int) -> Outcome:
    """Stops a run at random moments, at most ``most`` times, then lets it finish."""
    expected, seconds = home.reference(kind)
    chance = random.Random(seed)
    # Training a prior takes a minute, a search seconds.
    most = min(most, max(2, round(_SECONDS / seconds)))
    for _ in range(_ATTEMPTS):
        path, answers = home.fresh("killed"), []
        begin = time.monotonic()
        problem = _killed(home, kind, path, chance, most, answers)
        count = sum(code != "0" for code in answers)
        if problem is None:
            problem = _difference(expected, state.results(path))
        if problem or count >= min(most, _FEWEST_KILLS):
            break
        # The machine is less busy than when the run was timed.
        home.faster(kind, time.monotonic() - begin)
    return Outcome("kill", kind.name, seed, count, " ".join(answers), problem)


def _killed(
    home: Home,
    kind: Kind,
    path: Path,
    chance: random.Random,
    most: int,
    answers: list[str],
) -> str | None:
    """Stops a run until it finishes; appends its exit codes to ``answers``."""
    _, seconds = home.reference(kind)
    for turn in range(most + 1):
        run = home.run(kind, path)
        number = chance.choices(list(_STOPPED), (7, 1, 1, 1))[0]
        # Finished parts of a run are not repeated, so faults also hit its last parts.
        moment = chance.uniform(0, 0.6 * seconds) if turn < most else _LONGEST
        if run.wait(moment) is None:
            run.send(number)
        code = run.wait(_LONGEST)
        answers.append(str(code))
        if code is None:
            run.send(signal.SIGKILL)
        problem = _wrong(code, run.printed(), {0, *_STOPPED.values()})
        if problem := problem or next(state.problems(path), None):
            return problem
        if code == 0:
            return None
    return "does not finish"


def damages(home: Home, kind: Kind, seed: int) -> Iterator[Outcome]:
    """Damages files of a finished run, one at a time, chosen by the seed."""
    expected, _ = home.reference(kind)
    source = home.finished(kind)
    files = [f for f in sorted(source.rglob("*")) if f.is_file() and f.name != ".lock"]
    chance = random.Random(seed)
    for file in chance.sample(files, min(_FILES, len(files))):
        yield _damage(home, kind, seed, source, file, expected, chance)


_DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "truncated": lambda file, chance: os.truncate(
        file, chance.randrange(max(1, file.stat().st_size))
    ),
    "emptied": lambda file, chance: os.truncate(file, 0),
    "bit-flipped": lambda file, chance: _flip(file, chance),
    "removed": lambda file, chance: file.unlink(),
}


def _flip(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(data)


def _damage(
    home: Home,
    kind: Kind,
    seed: int,
    source: Path,
    file: Path,
    expected: dict[str, Any],
    chance: random.Random,
) -> Outcome:
    name = file.relative_to(source).as_posix()
    how = chance.choice(list(_DAMAGES))
    fault, path = f"{how}: {name}", home.fresh("damaged")
    shutil.copytree(source, path)
    _DAMAGES[how](path / name, chance)
    run = home.run(kind, path)
    code = run.wait(_LONGEST)
    text = run.printed()
    problem = _wrong(code, text, {0, 2})
    answer = "as without the fault"
    if problem is None and code == 2:
        tried = chance.random() < _REMEDIES
        answer, problem = _refused(home, kind, path, text, expected, tried)
    elif problem is None:
        problem = _difference(expected, state.results(path))
    return Outcome(fault, kind.name, seed, 1, answer, problem)


def _refused(
    home: Home,
    kind: Kind,
    path: Path,
    text: str,
    expected: dict[str, Any],
    tried: bool,
) -> tuple[str, str | None]:
    """Checks that a refusal names the path; follows its remedy if ``tried``."""
    line = text.splitlines()[-1]
    if str(path) not in line:
        return "refused", f"the path is not named: {line}"
    found = _REMEDY.search(line)
    if found is None or not tried:
        return "refused", None
    named = Path(found[1])
    if not named.is_relative_to(path) and not named.is_relative_to(home.path):
        return "refused", f"no such path: {line}"
    (shutil.rmtree if named.is_dir() else os.unlink)(named)
    run = home.run(kind, path)
    if (code := run.wait(_LONGEST)) != 0:
        return "refused", f"the remedy does not help: {code} {run.printed()[-500:]}"
    difference = _difference(expected, state.results(path))
    return "refused; the remedy gives the same", difference


def full_disk(home: Home, kind: Kind, seed: int, place: str) -> Outcome:
    """Runs on a disk that is too small, then on the same disk grown.

    Args:
      home: the folder of the campaign.
      kind: the kind of run.
      seed: decides the size of the disk.
      place: what is stored on the disk, ``workdir`` or ``prior``.
    """
    expected, _ = home.reference(kind)
    chance = random.Random(seed)
    used = sum(f.stat().st_size for f in home.finished(kind).rglob("*") if f.is_file())
    size = chance.randrange(4096, 2 * used + 40_960)
    disk = home.fresh("disk")
    disk.mkdir()
    _mount(disk, f"size={size}")
    try:
        if place == "workdir":
            path, flags = disk / "run", kind.command(disk / "run", home.path)
        else:
            path = home.fresh("beside")
            flags = [*kind.command(path, home.path), f"--prior_dir={disk / 'prior'}"]
        run = Run(flags, home.path / "trials" / "disk.log")
        code = run.wait(_LONGEST)
        problem = _wrong(code, run.printed(), {0, 2})
        answer = "enough room" if code == 0 else "refused; resumed with more room"
        if problem is None and code == 2 and str(disk) not in run.printed():
            problem = f"the path is not named: {run.printed()}"
        _mount(disk, f"remount,size={100 * 2**20}")
        if problem is None:
            run = Run(flags, home.path / "trials" / "disk.log")
            if (code := run.wait(_LONGEST)) != 0:
                problem = f"exit code {code} with more room: {run.printed()[-500:]}"
            else:
                found = state.results(path)
                problem = _difference(expected, found)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return Outcome(f"full disk: {place}", kind.name, seed, 1, answer, problem)


def _mount(disk: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    subprocess.run(command, check=True, capture_output=True)


def can_mount(home: Home) -> bool:
    """Returns whether this process may mount a disk."""
    disk = home.fresh("probe")
    disk.mkdir()
    try:
        _mount(disk, "size=4096")
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run(["umount", str(disk)], check=True)
    return True


def failures(home: Home, kind: Kind, seed: int) -> Outcome:
    """Makes half of the candidates fail: NaN losses, lack of memory, exceptions."""
    path = home.fresh("failing")
    flags = (*kind.flags, f"--seed={seed}")
    run = home.run(dataclasses.replace(kind, flags=flags), path, prepare=faulty.install)
    code = run.wait(_LONGEST)
    problem = _wrong(code, run.printed(), {0, 2})
    if problem is None:
        problem = next(state.problems(path), None)
    if problem is None and code == 2 and "could be " not in run.printed():
        problem = f"refused for another reason: {run.printed()[-300:]}"
    answer = "finished" if code == 0 else "refused: all candidates failed"
    return Outcome("failing candidates", kind.name, seed, 1, answer, problem)


def _require_done(run: Run) -> None:
    if (code := run.wait(_LONGEST)) != 0:
        raise RuntimeError(f"exit code {code} without a fault: {run.printed()[-2000:]}")


def _wrong(code: int | None, text: str, allowed: set[int]) -> str | None:
    """Describes what is wrong with how a run ended, whatever its results."""
    if code is None:
        return f"hangs: {text[-500:]}"
    if "Traceback" in text:
        return f"traceback: {text[-1500:]}"
    if code not in allowed:
        return f"exit code {code}: {text[-500:]}"
    return None


def _difference(expected: dict[str, Any], found: dict[str, Any]) -> str | None:
    if found == expected:
        return None
    names = [n for n in {*expected, *found} if expected.get(n) != found.get(n)]
    return f"other results than without the fault: {', '.join(sorted(names))}"
