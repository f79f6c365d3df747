"""PyTorch's layout without PyTorch: which tensor belongs where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError

RNG = np.random.default_rng(2)


def net_of(*widths: int, seed: int = 0) -> cnn.Sequential:
    return cnn.Sequential([cnn.Dense(n) for n in widths], 5, seed=seed)


def linear(n_in: int, n_out: int) -> dict[str, np.ndarray]:
    return {"weight": RNG.random((n_out, n_in)), "bias": RNG.random(n_out)}


def write(path, **modules: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays = {f"{m}.{leaf}": a for m, of in modules.items() for leaf, a in of.items()}
    save_file(arrays, path)
    return arrays


def test_files_have_pytorchs_names_shapes_and_order(tmp_path):
    layers = [cnn.Dense(3), cnn.BatchNorm(), cnn.Scale(), cnn.Dense(2, use_bias=False)]
    net = cnn.Sequential(layers, 5)
    net.save_torch(tmp_path / "w", {"dense_0": "fc.0", "dense_1.w": "head"})
    found = load_file(tmp_path / "w")
    assert {k: (a.dtype.name, a.shape) for k, a in found.items()} == {
        "fc.0.weight": ("float32", (3, 5)), "fc.0.bias": ("float32", (3,)),
        "batchnorm_0.weight": ("float32", (3,)), "batchnorm_0.bias": ("float32", (3,)),
        "batchnorm_0.running_mean": ("float32", (3,)),
        "batchnorm_0.running_var": ("float32", (3,)),
        "batchnorm_0.num_batches_tracked": ("int64", ()),
        "scale_0.s": ("float32", (3,)), "head": ("float32", (2, 3)),
    }  # fmt: skip
    assert np.array_equal(found["fc.0.weight"], net.params["dense_0.w"].T)
    assert [f.name for f in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize("names", [None, {"dense_0": "body.0", "dense_1": "x.y"}])
def test_back_and_forth_is_the_same(names, tmp_path):
    net, other = (cnn.Sequential([cnn.Dense(5), cnn.Sequential([cnn.Dense(5), cnn.LayerNorm()], 5),
                                  cnn.Residual([cnn.Dense(5)]), cnn.Dense(2)], 5, seed=seed)
                  for seed in (1, 2))  # fmt: skip
    net.save_torch(tmp_path / "w", names)
    other.load_torch(tmp_path / "w", names)
    for name, value in net.params.items():
        assert np.array_equal(other.params[name], value)


def test_modules_whose_names_differ_in_numbers_come_in_their_order(tmp_path):
    net = net_of(*[5] * 12)
    made = write(tmp_path / "w", **{f"layers.{2 * i}": linear(5, 5) for i in range(12)})
    net.load_torch(tmp_path / "w")
    for i in range(12):  # 2 before 10
        weight = made[f"layers.{2 * i}.weight"].T.astype(np.float32)
        assert np.array_equal(net.params[f"dense_{i}.w"], weight)


def test_modules_of_other_names_are_told_by_their_shapes_or_refused(tmp_path):
    net, same = net_of(3, 5), net_of(5, 5)
    made = write(tmp_path / "w", decoder=linear(3, 5), encoder=linear(5, 3))
    net.load_torch(tmp_path / "w")
    assert np.array_equal(net.params["dense_0.w"], made["encoder.weight"].T.astype(np.float32))
    write(tmp_path / "w", decoder=linear(5, 5), encoder=linear(5, 5))
    before = same.store.value.copy()
    with pytest.raises(DataError, match=r"w: need names=\{layer: module\}.*which of 'decoder', "
                                        "'encoder' belongs to dense_0, dense_1"):  # fmt: skip
        same.load_torch(tmp_path / "w")
    assert np.array_equal(same.store.value, before)
    same.load_torch(tmp_path / "w", {"dense_0": "encoder", "dense_1": "decoder"})


def test_all_that_does_not_fit_is_listed_and_nothing_changes(tmp_path):
    net = cnn.Sequential([cnn.Dense(3), cnn.BatchNorm(), cnn.Dense(2)], 5)
    before = net.store.value.copy()
    write(tmp_path / "w", dense_0={"weight": RNG.random((5, 3))}, dense_1=linear(3, 2),
          head=linear(2, 2), batchnorm_0={"weight": np.ones(3), "bias": np.ones(3),
                                          "running_mean": np.ones(3)})  # fmt: skip
    with pytest.raises(DataError) as caught:
        net.load_torch(tmp_path / "w")
    told = str(caught.value)
    for words in ("no dense_0.bias (3,)", "no batchnorm_0.running_var (3,)",
                  "an unexpected 'head.weight' (2, 2)", "an unexpected 'head.bias' (2,)",
                  "dense_0.weight as (5, 3), not (3, 5)"):  # fmt: skip
        assert words in told
    write(tmp_path / "w", a=linear(5, 3))
    with pytest.raises(DataError, match=r"no dense_0\.weight.*unexpected 'a\.weight'"):
        net.load_torch(tmp_path / "w")
    assert np.array_equal(net.store.value, before)


@pytest.mark.parametrize(
    ("names", "words"),
    [({"dense_7": "0"}, "need names for layers or parameters among dense_0, .*did you mean"),
     ({"dense_0": 0}, r"names\['dense_0'\]: need a string; got 0"),
     ([("dense_0", "0")], "need names, a mapping from layers to modules; got")],
)  # fmt: skip
def test_names_that_are_none(names, words, tmp_path):
    net = net_of(3)
    for call in (net.save_torch, net.load_torch):
        with pytest.raises(OptionError, match=words):
            call(tmp_path / "w", names)


def test_two_layers_of_one_name_and_files_that_are_none(tmp_path):
    net = net_of(5, 5)
    with pytest.raises(OptionError, match=r"save_torch: need different names; got 'a\.weight'"):
        net.save_torch(tmp_path / "w", {"dense_0": "a", "dense_1": "a"})
    (tmp_path / "w").write_bytes(b"PK\3\4 a pickle of PyTorch")
    with pytest.raises(DataError, match=r"load_torch: .*need a whole file of safetensors"):
        net.load_torch(tmp_path / "w")
    with pytest.raises(FileNotFoundError):
        net.load_torch(tmp_path / "none")
