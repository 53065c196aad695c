"""A fake cloud: fake programs that record in a folder how they are called."""

import collections
import dataclasses
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKES = pathlib.Path(__file__).parent / "fakes"


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A fake cloud.

    Attributes:
      folder: its state, in files that the fakes describe.
    """

    folder: pathlib.Path

    def start(
        self, *command: str | os.PathLike[str], **variables: str
    ) -> subprocess.Popen[str]:
        """Starts a launcher."""
        return subprocess.Popen(
            ["bash", *command],
            env={
                **os.environ,
                "PATH": f"{FAKES}:{os.environ['PATH']}",
                "FAKE_CLOUD": str(self.folder),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *command: str | os.PathLike[str], **variables: str
    ) -> tuple[int, str, str]:
        """Runs a launcher; returns its exit code, stdout and stderr."""
        launcher = self.start(*command, **variables)
        out, err = launcher.communicate(timeout=60)
        return launcher.returncode, out, err

    def write(self, name: str, text: object) -> None:
        (self.folder / name).write_text(f"{text}\n", encoding="utf-8")

    def read(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def called(self, command: str) -> list[dict[str, str]]:
        """The options of each call of a command."""
        found = []
        for line in self.read("calls"):
            arguments = line.split("|")
            words = " ".join(a for a in arguments if not a.startswith("--"))
            if f" {command} " in f" {words} ":
                options = (a[2:].partition("=") for a in arguments if a[:2] == "--")
                found.append({name: value for name, _, value in options})
        return found

    def runs(self) -> dict[str, int]:
        """How often the fake program was started on each host."""
        return collections.Counter(line.split(":")[0] for line in self.read("runs"))
