"""Memory of a run that streams a folder, and its wait for pictures.

    python launch/benchmarks/folder_streaming.py --pictures=/tmp/pictures \
        --workdir=/tmp/streaming > docs/results/streaming.md

Writes JPEGs of noise tinted by class into a folder, unless it exists, then runs a
search over a few small networks and retrains the best one, by the command that the page
shows. Measures the memory of all processes of the run: private memory and a
proportional part of shared memory (PSS). Linux only.

Expect 10 minutes on 2 idle CPU cores, two of them to write the pictures.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import textwrap
import threading
import time
from datetime import date
from pathlib import Path

import grain
import jax
import numpy as np
import PIL
from PIL import Image

_SIZE = 256
_CLASSES = 4
_GIB = 1 << 30
_EVERY = 0.5
"""Seconds between measurements of memory."""
_FLAGS = (
    *("--data_name=folder", "--data_stream=yes"),
    *("--space_min_depth=3", "--space_max_depth=4", "--space_num_stages=3"),
    *("--search_strategy=genetic", "--search_generations=1"),
    *(
        "--eval_epochs=1",
        "--eval_batch=64",
        "--eval_pad=2",
        "--eval_learning_rate=0.02",
    ),
    *("--retrain_epochs=1", "--retrain_batch=64", "--retrain_pad=2"),
    "--retrain_learning_rate=0.02",
)
"""Flags of the run, after those for pictures and results."""


def write_pictures(home: Path, count: int) -> None:
    """Writes ``count`` JPEGs of 256x256 pixels, as many of each class."""
    random = np.random.default_rng(0)
    tints = 96 + 64 * np.eye(_CLASSES, 3)
    for number in range(count):
        label = number % _CLASSES
        path = home / f"class_{label}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = tints[label] + random.normal(0, 48, (16, 16, 3))
        small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        small.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC).save(path, quality=90)


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                status = Path(entry.path, "stat").read_text(encoding="utf-8")
            except OSError:
                continue
            # The name in brackets may hold blanks.
            parent = int(status.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def memory(process: int) -> int:
    """PSS of a process in bytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    (line,) = [line for line in lines.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) * 1024


class Watched:
    """A run whose memory is measured until it ends.

    Attributes:
      peak: peak memory of all processes together, bytes.
      parts: bytes of each at that time, the run's own first.
      seconds: from its start to its end.
      printed: its lines, each with the seconds until it was printed.
    """

    def __init__(self, command: list[str]) -> None:
        self.peak, self.parts = 0, [0]
        self.printed: list[tuple[float, str]] = []
        begin = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        watcher = threading.Thread(target=self._watch, args=(process,))
        watcher.start()
        for line in process.stdout or ():
            self.printed.append((time.monotonic() - begin, line))
            print(line, end="", file=sys.stderr)
        code = process.wait()
        watcher.join()
        self.seconds = time.monotonic() - begin
        if code:
            sys.exit(f"the run ended with exit code {code}")

    def reached(self, words: str) -> float | None:
        """Seconds until a line with these words was printed; None if none was."""
        return next((at for at, line in self.printed if words in line), None)

    def _watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            parts = [memory(one) for one in tree(process.pid)]
            if sum(parts) > self.peak:
                self.peak, self.parts = sum(parts), parts
            time.sleep(_EVERY)


def page(args: argparse.Namespace, shown: str, run: Watched, load: float) -> str:
    """The page about a run."""
    workdir = Path(args.workdir)
    result = json.loads((workdir / "result.json").read_text(encoding="utf-8"))
    images = json.loads((workdir / "images.json").read_text(encoding="utf-8"))
    search, retrain = result["search"], result["retrain"]
    trained = args.count - images["test"]
    decoded = args.count * _SIZE * _SIZE * 3 / _GIB
    own, *others = (part / _GIB for part in run.parts)
    begin, end = map(run.reached, ("checking, pictures", " pictures of "))
    checking = "The pictures had already been checked."
    if begin is not None and end is not None:
        checking = (
            f"It took {end - begin:.0f} s to check all pictures, "
            f"{args.count / (end - begin):.0f} a second; later runs reuse the result."
        )
    rows = (
        ("peak memory of all processes, PSS", f"{run.peak / _GIB:.2f} GiB"),
        ("of which the process that trains", f"{own:.2f} GiB"),
        ("and each of the others, on average", f"{np.mean(others or [0]):.2f} GiB"),
        ("whole run", f"{run.seconds:.0f} s"),
        ("search: seconds of its evaluations", f"{search['seconds']:.0f} s"),
        ("search: of which it waited for pictures", f"{search['input_wait']:.1%}"),
        ("retraining", f"{retrain['seconds']:.0f} s"),
        ("retraining: of which it waited", f"{retrain['input_wait']:.1%}"),
        ("test accuracy", f"{retrain['test_accuracy']:.3f}"),
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    cores = (
        f"{os.cpu_count()} CPU cores (load {load:.1f} before, of other work), "
        f"Python {platform.python_version()}, JAX "
        f"{jax.__version__}, Grain {grain.__version__}, Pillow {PIL.__version__}, "
        f"{date.today().isoformat()}."
    )
    pictures = (
        f"{args.count:,} JPEGs of {_SIZE}x{_SIZE} pixels in {_CLASSES} classes, "
        f"{decoded:.1f} GiB when decoded. Each is decoded in full and resized to "
        f"{args.side}x{args.side}, in {args.workers} processes. The run:"
    )
    done = (
        f"A search trains {search['evaluations']} candidates for one epoch of "
        f"{images['train']:,} pictures each and measures them on {images['valid']:,}; "
        f"the best one is trained on {trained:,} for one epoch and tested on "
        f"{images['test']:,}."
    )
    waiting = (
        f"{checking} Waiting includes starting the decoding processes, once per "
        "training, and decoding the validation pictures once: most of the wait in "
        "short trainings. The networks are small, and training shares the cores with "
        "decoding."
    )
    command = "python launch/benchmarks/folder_streaming.py"
    given = " ".join(
        f"--{name}={value}"
        for name, value in vars(args).items()
        if name not in ("pictures", "workdir")
    )
    return "\n\n".join(
        (
            "# Streaming a folder",
            f"```sh\n{command} --pictures=DIR --workdir=WORKDIR \\\n  {given}\n```",
            *map(_wrapped, (cores, pictures)),
            f"```sh\n{shown}\n```",
            _wrapped(done),
            f"| what | |\n| --- | ---: |\n{table}",
            _wrapped(waiting),
        )
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 92)


def main() -> None:
    """Prints the page; the run's own lines go to standard error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", required=True, help="folder of the pictures")
    parser.add_argument("--workdir", required=True, help="of the run; must not exist")
    parser.add_argument("--count", type=int, default=20_000, help="pictures")
    parser.add_argument("--side", type=int, default=64, help="--data_side of the run")
    parser.add_argument("--workers", type=int, default=2, help="its --data_workers")
    parser.add_argument("--candidates", type=int, default=3, help="of its search")
    parser.add_argument(
        "--fraction", type=float, default=1.0, help="its --data_fraction"
    )
    args = parser.parse_args()
    if os.path.exists(args.workdir):
        parser.error(f"--workdir={args.workdir} exists")
    home = Path(args.pictures)
    if not home.is_dir():
        begun = home.with_name(f"{home.name}-begun")
        write_pictures(begun, args.count)
        begun.rename(home)
    load, _, _ = os.getloadavg()
    flags = [
        *_FLAGS,
        f"--data_side={args.side}",
        f"--data_workers={args.workers}",
        f"--data_fraction={args.fraction:g}",
        f"--search_population={args.candidates}",
    ]
    where = [f"--data_dir={home}", f"--workdir={args.workdir}"]
    run = Watched([sys.executable, "-m", "gpt_nas_jax.main", *where, *flags])
    words = ["python -m gpt_nas_jax.main --data_dir=DIR --workdir=WORKDIR"]
    words += map(shlex.quote, flags)
    shown = " \\\n  ".join(words)
    print(page(args, shown, run, load))


if __name__ == "__main__":
    main()
