"""Reading a Linen module while it runs."""

import abc
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn


class Interceptor(abc.ABC):
    """Reads calls for `nn.intercept_methods`; leaves other methods alone."""

    def __call__(
        self,
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        call = functools.partial(call, *args, **kwargs)
        if context.method_name != "__call__":
            return call()
        return self.called(context.module, call, args)

    @abc.abstractmethod
    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        """The output of a module that is called with ``args``, which ``call`` does."""
