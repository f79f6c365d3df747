"""Recording: values, gradients and what paths add, in some of the steps that a graph makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError, StateError

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph
    from cnn_core.graph.step_program import StepProgram, Updates

MOST, MOST_BYTES = 200, 64 << 20


@dataclass
class TrainingFrame:
    """The numbers of one step before its update, by the nodes of the graph in order."""

    step: int
    """How many steps came before, since the recording began."""
    loss: float
    values: list[np.ndarray]
    gradients: list[np.ndarray | None]
    contributions: list[list[np.ndarray | None]]
    """By node and operand: what the node adds to the gradient of that operand."""
    given: dict[int, np.ndarray]

    @property
    def nbytes(self) -> int:
        """The memory of all arrays."""
        return sum(array.nbytes for array in self._arrays())

    def _arrays(self) -> Iterator[np.ndarray]:
        yield from self.values
        yield from self.given.values()
        for arrays in (self.gradients, *self.contributions):
            yield from (a for a in arrays if a is not None)


class Recording:
    """What `Graph.record` gives: ``frames`` of every so many steps, until `stop`.

    As a context manager it stops at the end of the block.  Where there would be more than ``most``
    frames, or more than ``most_bytes`` of them, every other one is let go and ``every`` doubles:
    what is kept always lies evenly over the steps, the first of them among it.
    """

    def __init__(self, graph: Graph, every: int, most: int, most_bytes: int) -> None:
        self.every, self.most, self.most_bytes = every, most, most_bytes
        self.frames: list[TrainingFrame] = []
        self.n_steps = 0
        self._nodes = graph.nodes_topologically_sorted()
        self._graph: Graph | None = graph
        self._shadow: Graph | None = None

    @property
    def losses(self) -> list[float]:
        """The loss of each recorded step."""
        return [frame.loss for frame in self.frames]

    @property
    def nbytes(self) -> int:
        """The memory of all frames."""
        return sum(frame.nbytes for frame in self.frames)

    def belongs_to(self, graph: Graph) -> bool:
        """Tell whether it is a recording of this graph's nodes."""
        return self._nodes == graph.nodes_topologically_sorted()

    def stop(self) -> None:
        """Record no further steps; what is recorded stays."""
        if self._graph is not None:
            self._graph._recording = None
        self._graph = self._shadow = None

    def step(
        self, program: StepProgram, optimizer: Updates, inputs: Mapping[str, Any]
    ) -> list[Any]:  # fmt: skip
        """Let ``program`` make its step with ``inputs``, and record it if it is its turn."""
        due = self.n_steps % self.every == 0
        made = self._made(program.learner(optimizer).step, inputs) if due else None
        values = program.run(optimizer)
        if made is not None:
            made.loss = float(values[0])
            self.frames.append(made)
            self._thin_out()
        self.n_steps += 1
        return values

    def _made(self, counter: int, inputs: Mapping[str, Any]) -> TrainingFrame:
        """Return the numbers of a step that is yet to be made: a graph beside, over the same
        parameters, computes them with the step's own random numbers."""
        from cnn_core.viz.page.recorded import frame_of

        shadow = self._shadow = self._shadow or self._beside()
        grads = shadow.params.grads
        before = {name: grad.copy() for name, grad in grads.items()}
        try:
            shadow._counter = counter - 1
            shadow.forward(**inputs)
            shadow.backward({shadow.outputs[0]: 1.0})  # a step minimises the first output alone
            found = frame_of(shadow)
        finally:
            for name, grad in grads.items():
                grad[...] = before[name]
        made = TrainingFrame(self.n_steps, 0.0, found.values, found.gradients,
                             found.contributions, found.given)  # fmt: skip
        if made.nbytes > self.most_bytes:
            raise OptionError(
                f"record: need most_bytes of at least {made.nbytes:,}, those of one step of this "
                f"graph; got {self.most_bytes:,}"
            )
        return made

    def _beside(self) -> Graph:
        from cnn_core.graph.graph import Graph

        graph = self._graph
        assert graph is not None
        return Graph(graph.outputs, training=True, seed=graph._seed, params=graph.params)

    def _thin_out(self) -> None:
        while len(self.frames) > self.most or (
            len(self.frames) > 1 and self.nbytes > self.most_bytes
        ):  # fmt: skip
            self.every *= 2
            self.frames = [f for f in self.frames if f.step % self.every == 0]

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        losses = self.losses
        loss = f", loss {losses[0]:.6g} to {losses[-1]:.6g}" if losses else ""
        every = "every step" if self.every == 1 else f"every {self.every} steps"
        return f"<Recording of {len(self)} of {self.n_steps} steps, {every}{loss}>"


class Recorded:
    """What records the steps of a `Graph`."""

    _recording: Recording | None = None

    def record(
        self, every: int = 1, *, most: int = MOST, most_bytes: int = MOST_BYTES
    ) -> Recording:  # fmt: skip
        """Record from now on every so many of the steps that `step` makes, the next one first.

        The recording holds, for each step before its update, all values, gradients and what each
        path adds to a gradient, as arrays of its own, and the loss; `to_html` shows it with a
        slider.  The training is the same to the bit, and so is what `value` and `grad` show: a
        graph beside computes the step once more, with its random numbers, so a step that is
        recorded takes several times as long.  Gates in Python are called for both.  Where there
        are more than ``most`` frames or ``most_bytes``, every other one is let go and ``every``
        doubles.

        Raises `StateError` while another recording runs, `OptionError` unless ``every``, ``most``
        and ``most_bytes`` are whole numbers above 0; and `step` raises `OptionError`, and changes
        nothing, where a single frame is larger than ``most_bytes``.

        >>> w, x = cnn.Parameter("w", 1.0), cnn.Input("x")
        >>> graph = cnn.Graph(cnn.ops.square(w * x - 1))
        >>> sgd = cnn.SGD(lr=0.1)
        >>> with graph.record(every=2) as recording:
        ...     for _ in range(5):
        ...         loss = graph.step(sgd, x=2.0)
        >>> recording
        <Recording of 3 of 5 steps, every 2 steps, loss 1 to 2.56e-06>
        """
        given = {"every": every, "most": most, "most_bytes": most_bytes}
        checked = {k: options.whole("record", v, 1, option=k) for k, v in given.items()}
        if self._recording is not None:
            raise StateError(f"record: need the other recording stopped; got {self._recording!r}")
        self._recording = Recording(self, **checked)  # type: ignore[arg-type]
        return self._recording
