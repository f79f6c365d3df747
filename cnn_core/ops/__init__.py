"""Operations on nodes, under NumPy's names where NumPy has them.

The folder is the registry: every file here defines one node class and, under the file's own
name, the function that builds it.  ``cnn_core.ops.exp`` is that function.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

__all__ = sorted(module.name for module in pkgutil.iter_modules(__path__))

for _name in __all__:
    globals()[_name] = getattr(import_module(f"{__name__}.{_name}"), _name)
