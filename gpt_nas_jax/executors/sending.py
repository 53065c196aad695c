"""Objects sent to other processes of a run, without what each of them has itself."""

import collections
import dataclasses
import io
import pickle
import traceback
from typing import Any

from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.types import UsageError


class Common:
    """Large objects that every process has made for itself, such as a data set.

    Messages contain their names instead.
    """

    def __init__(self) -> None:
        """Holds nothing yet."""
        self._objects: dict[str, Any] = {}

    def keep(self, name: str, value: Any) -> None:
        """Keeps a dataclass and the dataclasses that are its fields.

        They replace what had the name before.
        """
        if not dataclasses.is_dataclass(value):
            return
        self._objects[name] = value
        for field in dataclasses.fields(value):
            part = getattr(value, field.name)
            if dataclasses.is_dataclass(part):
                self._objects[f"{name}.{field.name}"] = part

    def dumps(self, value: Any) -> bytes:
        """A value in bytes, for `loads` of a process that keeps the same names.

        Raises:
          UsageError: something in it cannot be pickled.
        """
        names = {id(kept): name for name, kept in self._objects.items()}
        file = io.BytesIO()
        try:
            _Pickler(file, names).dump(value)
        # Objects that cannot be pickled raise errors of their own.
        except Exception as error:
            raise UsageError(
                "--executor=hosts cannot send a part of the run to other processes: "
                f"{one_line(error)}; what is your own must be picklable, such as a "
                "class or function at the top of a module"
            ) from error
        return file.getvalue()

    def loads(self, data: bytes) -> Any:
        """The value that `dumps` made bytes of."""
        return _Unpickler(io.BytesIO(data), self._objects).load()


Sent = tuple[int, Any]
"""The number of an object, and the object, or None where it was sent before."""


class Recent:
    """The objects sent last, which are not sent again.

    Sender and receiver agree on them, as both see the same ones in the same order.
    """

    # A search evaluates by one function and scores by another.
    _MOST = 2

    def __init__(self) -> None:
        """Holds nothing yet."""
        self._kept: collections.OrderedDict[int, Any] = collections.OrderedDict()
        self._count = 0

    def sent(self, value: Any) -> Sent:
        """Its number, and the object itself where it was not sent before."""
        for number, kept in self._kept.items():
            if kept is value:
                self._kept.move_to_end(number)
                return number, None
        self._count += 1
        self._keep(self._count, value)
        return self._count, value

    def received(self, sent: Sent) -> Any:
        """The object that was sent."""
        number, value = sent
        self._keep(number, self._kept[number] if value is None else value)
        return self._kept[number]

    def _keep(self, number: int, value: Any) -> None:
        self._kept[number] = value
        self._kept.move_to_end(number)
        if len(self._kept) > self._MOST:
            self._kept.popitem(last=False)


def sendable(error: Exception) -> Exception:
    """An error with its traceback as a note, of a type that can be pickled."""
    error.add_note(trace(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(trace(error))
    return error


def trace(error: BaseException) -> str:
    """An error with the lines that it comes from, as Python prints it."""
    return "".join(traceback.format_exception(error))


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, names: dict[int, str]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, value: Any) -> str | None:
        return self._names.get(id(value))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: dict[str, Any]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, name: str) -> Any:
        return self._objects[name]
