"""``python -m cnn_core``: see `cnn_core.cli`."""

from cnn_core.cli import main

raise SystemExit(main())
