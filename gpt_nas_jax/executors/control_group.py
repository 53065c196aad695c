"""The memory that Linux's control groups allow a process."""

import contextlib
from pathlib import Path

_MOUNTS = Path("/sys/fs/cgroup")
_MEMBERSHIPS = Path("/proc/self/cgroup")


def memory() -> int | None:
    """The bytes that this process may use, or None outside of control groups."""
    try:
        memberships = _MEMBERSHIPS.read_text(encoding="utf-8")
    except OSError:
        return None
    return least(memberships, _MOUNTS)


def least(memberships: str, mounts: Path) -> int | None:
    """The lowest limit of the groups of a process and of the groups around them.

    Args:
      memberships: lines ``number:controllers:path`` as in ``/proc/self/cgroup``, of
        version 1 or 2.
      mounts: where the groups are mounted.
    """
    found = []
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = mounts, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = mounts / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        # In a container a group may be mounted as the root; its path is missing then.
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                # The file is missing, or holds "max".
                with contextlib.suppress(OSError, ValueError):
                    found.append(int((folder / name).read_text(encoding="utf-8")))
    return min(found, default=None)
