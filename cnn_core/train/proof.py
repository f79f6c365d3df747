"""A proof in a checkpoint: rows of data, and what one step with them makes of the training."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

import cnn_core
from cnn_core._ext import core
from cnn_core.errors import CnnCoreError, StateError
from cnn_core.io import files
from cnn_core.train import train_state
from cnn_core.train.target_scale import TargetScale

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer

ROWS = 256
"""At most so many rows of the next minibatch are kept: a proof, not the data."""

PREFIX = f"{files.KEY}:proof:"
"""What the names of the arrays begin with that hold the rows."""

MADE_OF = ("network", "loss", "metrics", "optimizer", "options", "weight_average")
"""The parts of the content that a trainer is made of."""

Digests = dict[str, str]


class Verification:
    """What `verify` has found; true where the bits agree."""

    def __init__(self, step: int, differs: tuple[str, ...], what: str) -> None:
        self.step = step
        """The step of the checkpoint, after which one more was made."""
        self.differs = differs
        """The names of what differs: parameters, ``slot:parameter`` of the optimizer, the loss."""
        self._what = what

    @property
    def agrees(self) -> bool:
        """Whether all bits are those that they were."""
        return not self.differs

    def __bool__(self) -> bool:
        return self.agrees

    def __repr__(self) -> str:
        if self.agrees:
            return f"step {self.step}: the bits agree"
        named = ", ".join(self.differs[:8]) + (", ..." if len(self.differs) > 8 else "")
        return f"step {self.step}: {self._what}: {named}"


def verify(path: str | os.PathLike[str]) -> Verification:
    """Make a step from a checkpoint again, and tell whether it has the same bits.

    A `Checkpoint` keeps, with the state, up to 256 rows of the minibatch that comes next, and
    digests of all numbers before and after one step with them.  This takes the trainer up from
    the file alone, makes that step and compares: a bit that has changed in the file, or a machine
    that computes otherwise, such as with another instruction set, shows.

    Raises `DataError` for a file that is damaged as a whole or of another kind, and `StateError`
    for one without a proof, as `Trainer.save` writes it, or a `Checkpoint` of a training of which
    a part is the user's own.

    >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x[:, :1] * x[:, 1:]
    >>> history = trainer.fit(x, y, epochs=1, progress=False,
    ...                       callbacks=[cnn.Checkpoint("run.safetensors")])
    >>> found = cnn.verify("run.safetensors")
    >>> found, bool(found)
    (step 4: the bits agree, True)
    """
    state, saved = train_state.read(path, "verify")
    proof = saved.content.get("proof", {"missing": saved.content.get("missing", "")})
    with files.damage("verify", saved.path):
        why = proof.get("missing")
    if why is not None:
        raise StateError(
            f"verify: {saved.path}: need a checkpoint with a proof; got one without"
            f"{f': {why}' if why else ''}"
        )
    with files.damage("verify", saved.path):
        step = int(state["optimizer"]["step_count"])
        here = {**_digests(saved.arrays), "the JSON": _digest_of_json(saved.content)}
        changed = _differing(proof["before"], here)
        if changed:
            return Verification(step, changed, "other numbers than were written")
        trainer = train_state.trainer_of(cnn_core.Trainer, saved.arrays, saved.content)
        train_state.put(trainer, state, "verify")
        after = _after_step(trainer, saved.arrays, proof)
        made = f"{proof['simd']} by version {saved.content['version']}"
        what = f"other bits than the step had with {made}; here {core.simd()} by version " \
               f"{cnn_core.__version__}"  # fmt: skip
        return Verification(step, _differing(proof["after"], after), what)


class Prover:
    """Adds proofs to checkpoints: makes each step with a twin, and never with the trainer."""

    def __init__(self) -> None:
        self._twin: Trainer | None = None
        self._made_of: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"_twin": None, "_made_of": []}

    def add(
        self, trainer: Trainer, state: train_state.State, arrays: dict[str, np.ndarray],
        content: dict[str, Any],
    ) -> None:  # fmt: skip
        """Add a proof to what will be written, or why there is none."""
        if "missing" in content:
            return
        try:
            found, proof = _rows(trainer)
            made_of = [content[key] for key in MADE_OF]
            if self._twin is None or made_of != self._made_of:
                self._twin = train_state.trainer_of(cnn_core.Trainer, arrays, content)
                self._made_of = made_of
            train_state.put(self._twin, state, "proof")
            proof["after"] = _after_step(self._twin, found, proof)
        except Exception as error:  # a training does not end for want of a proof
            kind = "" if isinstance(error, CnnCoreError) else f"{type(error).__name__}: "
            content["proof"] = {"missing": f"{kind}{error}"}
            return
        arrays |= found
        content["proof"] = proof
        digest = _digest_of_json({**content, "format": files.FORMAT})
        proof["before"] = {**_digests(arrays), "the JSON": digest}


def _rows(trainer: Trainer) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the first rows of the minibatch that comes next, and how they are to be fed."""
    loop = trainer._loop
    if loop is None:
        raise StateError("proof: need a fit under way; got none")
    data, part = loop.data, loop.position() or trainer._rest
    n, at = data.n_rows, 0 if part is None else part.rows
    index = data.index(trainer._row_order(n) if loop.shuffle else None)
    index = np.arange(n) if index is None else index
    rows = index[at % n :][: min(loop.batch, ROWS)]
    if len(rows) < min(2, n):  # batch statistics need two
        rows = index[:2]
    found = {f"{PREFIX}{name}": np.ascontiguousarray(a[rows]) for name, a in data.arrays.items()}
    sparse = {name: list(data.features[name][rows].shape) for name in data.sparse}
    bare = [term.target for term in data.terms] == ["y"]
    proof = {
        "features": list(data.features), "sparse": sparse, "weighted": data.w is not None,
        "simd": core.simd(),
        "targets": None if bare else {term.key: term.target for term in data.terms},
    }  # fmt: skip
    return found, proof


def _after_step(trainer: Trainer, arrays: Mapping[str, np.ndarray], proof: Any) -> Digests:
    """Make a step with the rows of a proof; return the digests of what it leaves."""
    own = {name: a for name, a in arrays.items() if name.startswith(PREFIX)}
    x = {name: own[PREFIX + name] for name in proof["features"]}
    x |= {name: _matrix(x[name], shape) for name, shape in proof["sparse"].items()}
    targets = proof["targets"]
    y: Any = own[f"{PREFIX}y"] if targets is None else None
    if targets:
        y = {key: own[PREFIX + name] for key, name in targets.items()}
    trainer._scale = TargetScale(given=True)  # the rows have gone through the door already
    trainer._forget_plan()  # so that each step goes the same way
    loss = trainer.step(x, y, own[f"{PREFIX}w"] if proof["weighted"] else None)
    optimizer = trainer.optimizer.state_dict()
    slots = {f"{slot}:{name}": array for slot, of in optimizer["slots"].items()
             for name, array in of.items()}  # fmt: skip
    return _digests({**trainer.net.params, **slots, "scalars": optimizer["scalars"],
                     "loss": np.array([loss])})  # fmt: skip


def _matrix(entries: np.ndarray, shape: Any) -> Any:
    """Return the sparse rows of which these are row, column and value of each entry."""
    from scipy.sparse import csr_array

    row, column = entries[:, :2].astype(np.int64).T
    return csr_array((entries[:, 2], (row, column)), shape=tuple(shape))


def _digests(arrays: Mapping[str, np.ndarray]) -> Digests:
    found = {}
    for name, array in arrays.items():
        digest = sha256(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        found[name] = digest.hexdigest()
    return found


def _digest_of_json(content: Mapping[str, Any]) -> str:
    """Return the digest of all but the digests that it stands among."""
    proof = {k: v for k, v in content["proof"].items() if k != "before"}
    rest = {**content, "proof": proof}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _differing(there: Mapping[str, str], here: Digests) -> tuple[str, ...]:
    return tuple(name for name in {**there, **here} if there.get(name) != here.get(name))
