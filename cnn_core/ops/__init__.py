"""Operations on nodes, under NumPy's names where NumPy has them.

The folder is the registry: every file here defines one node class and, under the file's own
name, the function that builds it.  ``cnn_core.ops.exp`` is that function; its file is read when
the name is first used, for few programs need more than ten of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, cast


class _Operations(ModuleType):
    """The type of this module."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            from pkgutil import iter_modules  # which a program that names operations does without

            self.__dict__[name] = sorted(module.name for module in iter_modules(self.__path__))
        elif name.startswith("_") or find_spec(f"{self.__name__}.{name}") is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        else:
            import_module(f"{self.__name__}.{name}")
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        """Python binds a file that it has read to its name here: the name is the function's."""
        if isinstance(value, ModuleType) and value.__name__ == f"{self.__name__}.{name}":
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the name, as is done with modules of the plain type by those who pickle code."""
        return import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        return cast(list[str], self.__all__)


sys.modules[__name__].__class__ = _Operations
