"""Proofs in checkpoints: the step is made again with the same bits, and what differs shows."""

from __future__ import annotations

import copy
import json
import pickle
from contextlib import suppress

import numpy as np
import pytest
from hook_cases import Stop
from training_cases import assert_same_state, blobs, make_net, make_trainer, run_checked, state

import cnn_core as cnn
from cnn_core.errors import CnnCoreError, DataError, StateError
from cnn_core.io import files

X, Y = blobs(90)
RNG = np.random.default_rng(4)
NUMBERS, WEIGHTS = RNG.standard_normal((90, 2)), RNG.random(90)


def deep() -> tuple[cnn.Trainer, tuple]:
    layers = [cnn.Dense(12, "relu"), cnn.BatchNorm(), cnn.Dropout(0.3), cnn.Dense(3)]
    net = cnn.Sequential(layers, 7, seed=1, input_scale=0.5)
    net.freeze("dense_0.b")
    optimizer = cnn.AdamW(cnn.optim.CosineDecay(0.02, 60), clip_norm=0.5,
                          groups={"*.b": {"lr_factor": 0.3}})  # fmt: skip
    return make_trainer(net, optimizer=optimizer, metrics=["accuracy"]), (X, Y)


def weighted() -> tuple[cnn.Trainer, tuple]:
    trainer = make_trainer(make_net(outputs=2, dtype="float64"), loss="huber",
                           optimizer="rmsprop", target_scale=0.25, target_shift=3.0)  # fmt: skip
    return trainer, (X, NUMBERS, WEIGHTS)


def two_heads() -> tuple[cnn.Trainer, tuple]:
    x, c = cnn.Input("x", (cnn.BATCH, 7)), cnn.Input("c", (cnn.BATCH,), dtype="int32")
    h = cnn.Concat()([cnn.Dense(6, "tanh")(x), cnn.Embedding(5, 2)(c)])
    net = cnn.Model({"price": cnn.Dense(1)(h), "kind": cnn.Dense(3)(h)}, seed=2)
    trainer = cnn.Trainer(net, loss={"price": cnn.MSE(), "kind": cnn.SoftmaxCrossEntropy()},
                          loss_weights={"kind": 0.5}, optimizer=cnn.SGD(0.05, momentum=0.9))
    return trainer, ({"x": X, "c": Y}, {"price": X[:, :1], "kind": Y})


def sparse() -> tuple[cnn.Trainer, tuple]:
    scipy_sparse = pytest.importorskip("scipy.sparse")
    rows = scipy_sparse.csr_array(X * (np.abs(X) > 1))
    return make_trainer(optimizer=cnn.Adam(0.01, lazy=True)), (rows, Y)


def averaged() -> tuple[cnn.Trainer, tuple]:
    return make_trainer(weight_average="ema", guard="skip"), (X, Y)


def fit(trainer, data, path, at=-1, **options):
    w = data[2] if len(data) > 2 else None
    given = {"batch_size": 8, "epochs": 3, "progress": False, "sample_weight": w}
    hooks = [cnn.Checkpoint(path, every=1, **options)] if path is not None else []
    with suppress(KeyboardInterrupt):
        trainer.fit(*data[:2], callbacks=[*hooks, Stop(at)], **given)


@pytest.mark.parametrize("at", [1, 5, 12, 13, -1])
@pytest.mark.parametrize("make", [deep, weighted, two_heads, sparse, averaged])
def test_a_checkpoint_is_verified_from_the_file_alone(make, at, tmp_path):
    trainer, data = make()
    fit(trainer, data, tmp_path / "run", at)
    found = cnn.verify(tmp_path / "run")
    assert (found.agrees, bool(found), found.differs) == (True, True, ())
    assert found.step == trainer.optimizer.step_count
    assert repr(found) == f"step {found.step}: the bits agree"


@pytest.mark.parametrize("make", [deep, weighted, two_heads, sparse, averaged])
def test_proofs_change_no_bit_of_the_training(make, tmp_path):
    found = []
    for path, proof in ((None, False), (tmp_path / "a", True), (tmp_path / "b", False)):
        trainer, data = make()
        fit(trainer, data, path, proof=proof)
        found.append(state(trainer))
    assert_same_state(found[1], found[0])
    assert_same_state(found[2], found[0])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("proof") / "run"
    trainer, data = deep()
    fit(trainer, data, path, 17)
    return path.read_bytes()


def places(data: bytes) -> dict[str, tuple[int, int]]:
    n = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + n])
    return {name: tuple(8 + n + at for at in made["data_offsets"])
            for name, made in head.items() if name != "__metadata__"}  # fmt: skip


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_bit_that_has_changed_in_any_array_shows_by_its_name(written, tmp_path):
    path, found = tmp_path / "run", places(written)
    assert {"dense_0.w", "batchnorm_0.mean", "cnn_core:optimizer:slots:mean:dense_1.w",
            "cnn_core:proof:x", "cnn_core:proof:y"} <= set(found)  # fmt: skip
    for name, (begin, end) in found.items():
        if end > begin:
            path.write_bytes(flipped(written, int(RNG.integers(8 * begin, 8 * end))))
            verdict = cnn.verify(path)
            assert not verdict
            assert verdict.differs == (name,)


def test_a_bit_that_has_changed_anywhere_shows(written, tmp_path):
    path = tmp_path / "run"
    for bit in RNG.integers(0, 8 * places(written)["dense_0.b"][0], 300):
        path.write_bytes(flipped(written, int(bit)))
        with suppress(CnnCoreError):
            assert not cnn.verify(path), bit


SIMD = """
import sys, cnn_core as cnn
print(cnn.verify(sys.argv[1] if len(sys.argv) > 1 else PATH))
"""


def test_another_instruction_set_shows_in_the_step_and_the_same_one_agrees(written, tmp_path):
    path = tmp_path / "run"
    path.write_bytes(written)
    code = SIMD.replace("PATH", repr(str(path)))
    assert run_checked(code).strip() == "step 17: the bits agree"
    if cnn._ext.core.simd() != "baseline":
        told = run_checked(code, CNN_CORE_SIMD="baseline")
        assert told.startswith("step 17: other bits than the step had with ")
        assert "here baseline by version" in told
        assert "dense_0.w" in told


def test_a_file_without_a_proof_says_why(tmp_path):
    path, (trainer, data) = tmp_path / "run", deep()
    fit(trainer, data, path, proof=False)
    with pytest.raises(StateError, match=r"verify: .*run: need a checkpoint with a proof; got one"):
        cnn.verify(path)
    trainer.save(path)
    with pytest.raises(StateError, match="need a checkpoint with a proof"):
        cnn.verify(path)
    fit(make_trainer(optimizer=cnn.SGD(lambda step: 0.1)), (X, Y), path)
    with pytest.raises(StateError, match=r"got one without: .*SGD: lr: need an option that a file"):
        cnn.verify(path)
    trainer.net.save(path)
    with pytest.raises(DataError, match="need the state of a training; got a 'network'"):
        cnn.verify(path)


def test_a_training_goes_on_where_no_proof_can_be_made(tmp_path, monkeypatch):
    def fail(*args):
        raise TypeError("no rows")

    monkeypatch.setattr("cnn_core.train.proof._rows", fail)
    trainer, data = deep()
    fit(trainer, data, tmp_path / "run")
    assert trainer.epochs_done == 3
    with pytest.raises(StateError, match=r"got one without: TypeError: no rows"):
        cnn.verify(tmp_path / "run")


def test_of_a_huge_batch_only_some_rows_are_kept(tmp_path):
    x, y = blobs(5000)
    make_trainer().fit(x, y, batch_size=5000, progress=False,
                       callbacks=[cnn.Checkpoint(tmp_path / "run")])  # fmt: skip
    assert cnn.verify(tmp_path / "run")
    assert (tmp_path / "run").stat().st_size < 50_000


def test_a_checkpoint_can_be_copied_while_it_works(tmp_path):
    checkpoint, copies = cnn.Checkpoint(tmp_path / "run", every=1), []
    hook = cnn.LambdaCallback(on_epoch_begin=lambda t, e: copies.extend(
        [copy.deepcopy(checkpoint), pickle.loads(pickle.dumps(checkpoint))]))  # fmt: skip
    make_trainer().fit(X, Y, epochs=2, progress=False, callbacks=[checkpoint, hook])
    for made in copies:
        make_trainer().fit(X, Y, epochs=1, progress=False, callbacks=[made])
        assert cnn.verify(tmp_path / "run")


def test_rows_that_are_held_back_for_validation_are_in_no_proof(tmp_path):
    x = np.arange(40, dtype=np.float32)[:, None] + [0, 0.5]
    net = cnn.Sequential([cnn.Dense(1)], 2, input_scale=0.01, seed=0)
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(1e-3))
    fitted = trainer.fit(x, x[:, :1], batch_size=30, validation_split=0.25, shuffle=False,
                         callbacks=[cnn.Checkpoint(tmp_path / "run")], progress=False)  # fmt: skip
    kept = trainer._split(trainer._data(x, x[:, :1], None, "fit"), 0.25, None)[0].rows
    assert fitted.epochs == 1
    assert len(kept) == 30
    found = files.read(tmp_path / "run", "test").arrays["cnn_core:proof:x"]
    assert np.array_equal(found, x[kept])
    assert cnn.verify(tmp_path / "run")
