"""Programs that are compiled once, whichever device and thread runs them.

JAX compiles a program for each device that it runs on, and keeps each of them on disk.
It has no public way to run one on another device, so this module patches JAX's
internals: a program for any device is compiled for the first one, then loaded onto the
device that needs it. Threads that ask for the same program wait for one of them. If
JAX's internals do not allow this, each device compiles for itself.
"""

import collections
import copy
import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

Compile = Callable[..., Any]


@functools.cache
def share() -> None:
    """From now on this process compiles a program once; later calls do nothing.

    Tracing and lowering still happen once a device.
    """
    try:
        from jax._src import compiler

        plain = compiler.compile_or_get_cached
    except (ImportError, AttributeError):
        return
    compiler.compile_or_get_cached = _Sharing(plain)


@dataclasses.dataclass(frozen=True)
class _Target:
    """Where a program is to run, as JAX says it: the arguments of its compiler.

    Attributes:
      devices: an array of one device.
      options: the compiler's, which name the device.
      loaded_on: JAX's list of the device.
    """

    devices: np.ndarray
    options: Any
    loaded_on: Any

    def moved(self, device: jax.Device) -> "_Target":
        """The same for another device."""
        from jax._src.lib import xla_client

        options = copy.deepcopy(self.options)
        place = np.array([[device.id]])
        options.device_assignment = xla_client.DeviceAssignment.create(place)
        devices = np.array([device], dtype=object)
        return _Target(devices, options, xla_client.DeviceList((device,)))


class _Sharing:
    """Replaces JAX's function from a lowered program to a loaded one."""

    def __init__(self, plain: Compile) -> None:
        self._plain = plain
        self._lock = threading.Lock()
        # A program is compiled by one thread; the others wait for it.
        self._locks: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)
        # Programs that this process does not write to the cache on disk.
        self._kept: dict[str, bytes] = {}

    def __call__(
        self,
        backend: Any,
        module: Any,
        devices: np.ndarray,
        options: Any,
        callbacks: Any,
        loaded_on: Any,
        profiler: Any = None,
    ) -> Any:
        def compiled(target: _Target) -> Any:
            where = target.devices, target.options, callbacks, target.loaded_on
            return self._plain(backend, module, *where, profiler)

        own = _Target(devices, options, loaded_on)
        if devices.size > 1 or callbacks or profiler:
            return compiled(own)
        try:
            everywhere = backend.local_devices()
            first = own.moved(everywhere[0])
            key, written = _key(backend, module, first)
        except Exception:
            # Another version of JAX may keep these things elsewhere.
            return compiled(own)
        with self._lock:
            lock = self._locks[key]
        with lock:
            is_first = devices.flat[0] == everywhere[0]
            loaded = None if is_first and written else self._load(key, backend, own)
            if loaded is None:
                loaded = compiled(first)
                if not written:
                    self._keep(key, loaded)
                if not is_first:
                    loaded = self._load(key, backend, own)
        return compiled(own) if loaded is None else loaded

    def _keep(self, key: str, program: Any) -> None:
        try:
            self._kept[key] = program.serialize()
        except Exception:
            # Not every platform can; each device compiles then.
            return

    def _load(self, key: str, backend: Any, target: _Target) -> Any | None:
        """Loads a compiled program onto a device; returns None if it was not compiled.

        What is in JAX's cache on disk is loaded from there: one that was loaded, not
        compiled, cannot be kept again on the CPU (JAX 0.10.2).
        """
        options, loaded_on = target.options, target.loaded_on
        try:
            if key in self._kept:
                data = self._kept[key]
                return backend.deserialize_executable(data, loaded_on, options)
            from jax._src import compilation_cache

            found = compilation_cache.get_executable_and_time
            return found(key, options, backend, loaded_on)[0]
        except Exception:
            return None


def _key(backend: Any, module: Any, target: _Target) -> tuple[str, bool]:
    """A program's name in JAX's cache on disk, and whether it is written there.

    Of several processes, JAX lets the first one alone write.
    """
    from jax._src import compilation_cache, distributed

    where = target.devices, target.options, backend
    key = compilation_cache.get_cache_key(module, *where)
    on_disk = compilation_cache.is_persistent_cache_enabled()
    # Asked for in any case: the first time it opens the directory.
    on_disk = on_disk and compilation_cache.is_cache_used(backend)
    return key, on_disk and distributed.global_state.process_id == 0
