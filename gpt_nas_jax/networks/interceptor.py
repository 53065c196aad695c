"""Interception of calls to Linen modules."""

import abc
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn


class Interceptor(abc.ABC):
    """Intercepts ``__call__`` for `nn.intercept_methods`; ignores other methods."""

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
        """Returns the output of a module called with ``args``; ``call()`` runs it."""
