"""What threadpoolctl, the common switch of thread pools, knows of this package.

`threadpoolctl.threadpool_limits(limits=1)` then limits it as it does BLAS and OpenMP.  This
package neither needs threadpoolctl nor imports it.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from cnn_core.run.threads import get_num_threads, limit_threads

NAME = "threadpoolctl"


def register(threadpoolctl: ModuleType) -> None:
    """Make this package known; nothing where threadpoolctl is older than its interface (3.2)."""
    if not hasattr(threadpoolctl, "LibController"):
        return

    class CnnCoreController(threadpoolctl.LibController):  # type: ignore[misc]
        """The threads of cnn_core: its library is the extension module `cnn_core._ext.core`."""

        user_api = internal_api = "cnn_core"
        filename_prefixes = ("core.",)
        check_symbols = ("cnn_core_library",)

        def get_num_threads(self) -> int:
            return get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            limit_threads(num_threads)

        def get_version(self) -> str | None:
            return getattr(sys.modules.get("cnn_core"), "__version__", None)

    threadpoolctl.register(CnnCoreController)


class _Finder:
    """Stands first on ``sys.meta_path`` until somebody imports threadpoolctl, to register then."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != NAME:
            return None
        others = (f for f in sys.meta_path if f is not self and hasattr(f, "find_spec"))
        spec = next(filter(None, (f.find_spec(name, path, target) for f in others)), None)
        if spec is not None and spec.loader is not None:
            read = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                read(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)  # type: ignore[arg-type]
                    register(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def announce() -> None:
    """Register with threadpoolctl now, if it is there already, or else when it is imported."""
    if NAME in sys.modules:
        register(sys.modules[NAME])
    else:
        sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
