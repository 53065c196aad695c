"""Compiles the program for a TPU v5e and an H100 on a machine that has neither.

    python launch/check_accelerators.py --short
    python launch/check_accelerators.py --chips=tpu --parts=blocks,retrain --out=DIR

Uses the compilers of the accelerators: libtpu (140 MB) and JAX's CUDA plugin (180 MB),
in the versions that the installed JAX requires. They are installed into a cache folder
that no other program sees. Finds types that differ between platforms, programs that do
not compile or do not fit into memory, and the bytes and operations of every compiled
program. The body of a loop counts once; for the GPU only memory is known. No time is
measured: the lower bounds in the table are operations and bytes divided by the chip's
peak rates.

The parts: every block program of cifar10.flags and imagenet.flags, the retraining step
on one chip and on 16 that share its batch, the GPT's steps, the programs of the
zero-cost proxies, whole searches on NAS-Bench-201.

Every compiled program is a line of DIR/programs.jsonl, and the same command resumes
after the last one. ``--parts=`` compiles nothing and reports what is there.
``--table=FILE`` writes the report as Markdown, compared with an earlier
``--before=FILE``.

The short form takes 3 minutes on 2 free CPU cores, the full one hours: a block's
backward pass takes up to 15 seconds to compile for a TPU.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from accelerators import report, tables
from accelerators.chips import CHIPS, Chip
from accelerators.ledger import Ledger

_LAUNCH = Path(__file__).resolve().parent
NOT_INSTALLED = 3
"""Exit status if a compiler cannot be installed; it is 1 if a program fails."""

_PARTS = ("blocks", "retrain", "gpt", "proxies", "tabular")


def install(chip: Chip, cache: Path) -> Path:
    """A folder with a chip's compiler, installed on first use."""
    pins = chip.pins()
    folder = cache / re.sub(r"[^\w.]+", "-", pins[-1]).strip("-.")
    if not folder.exists():
        print(f"installing {', '.join(pins)} into {folder}", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: the folder is never partial.
        with tempfile.TemporaryDirectory(dir=cache) as half:
            packages = Path(half) / "packages"
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*command, "--target", str(packages), *pins], check=True)
            if not folder.exists():
                packages.rename(folder)
    return folder


def compile_all(name: str, parts: str, short: bool, file: Path, compiler: Path) -> int:
    """Compiles in a process that sees the compiler; returns its exit status."""
    chip = CHIPS[name]
    # This checkout takes precedence over an installed package.
    path = os.pathsep.join(map(str, (_LAUNCH, _LAUNCH.parent, compiler)))
    command = ["accelerators.compiling", name, parts, "short" if short else "all"]
    environment = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": path, **chip.environment}
    log = file.with_name(f"{name}.log")
    with log.open("w", encoding="utf-8") as messages:
        done = subprocess.run(
            [sys.executable, "-m", *command, str(file)],
            env=os.environ | environment,
            stderr=messages,
        )
    if done.returncode:
        print(f"{chip.title}: ended with {done.returncode}; see {log}", flush=True)
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chips", default=",".join(CHIPS), help="with commas")
    parser.add_argument("--parts", default=",".join(_PARTS), help="with commas")
    parser.add_argument("--short", action="store_true", help="a few of each part")
    parser.add_argument("--out", type=Path, default=Path("runs/accelerators"))
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "gpt_nas_jax" / "compilers"
    parser.add_argument("--cache", type=Path, default=cache, help="of compilers")
    parser.add_argument("--table", type=Path, help="write Markdown here, too")
    parser.add_argument("--before", type=Path, help="programs.jsonl to compare with")
    args = parser.parse_args()
    for flag, known in (("chips", CHIPS), ("parts", _PARTS)):
        text = getattr(args, flag)
        none = flag == "parts" and not text
        if not none and set(text.split(",")) - {*known}:
            names = ", ".join(known)
            problem = f"--{flag}={text}: give some of {names}, with commas between them"
            print(f"check_accelerators: {problem}", file=sys.stderr)
            return 2
    args.out.mkdir(parents=True, exist_ok=True)
    file, status = args.out / "programs.jsonl", 0
    for name in args.chips.split(",") if args.parts else ():
        try:
            compiler = install(CHIPS[name], args.cache.absolute())
        except subprocess.CalledProcessError:
            print(f"{CHIPS[name].title}: its compiler could not be installed")
            return NOT_INSTALLED
        status |= compile_all(name, args.parts, args.short, file, compiler)
    lines = Ledger(file).lines()
    report.show(lines)
    report.write(lines, args.out / "programs.json")
    if args.table:
        before = Ledger(args.before).lines() if args.before else []
        tables.write(lines, before, args.table)
    return 1 if status or any("error" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
