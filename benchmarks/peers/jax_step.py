"""JAX: one jit-compiled call per step."""

from __future__ import annotations

from typing import Any

import jax

from peers import jax_scan


class Adapter(jax_scan.Adapter):
    predicts = False

    def compile(self, step: Any) -> None:
        def one(state: Any, x: jax.Array, y: jax.Array, index: jax.Array, i: int) -> Any:
            return step(state, x[index[i]], y[index[i]])

        self.train = jax.jit(one, donate_argnums=0)

    def run(self, n_steps: int) -> None:
        for i in range(n_steps):
            self.state = self.train(self.state, self.x, self.y, self.index, i)
        jax.block_until_ready(self.state)
