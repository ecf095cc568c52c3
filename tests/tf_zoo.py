"""The trained TensorFlow models of the shared list: fetched, unpacked and, where a package only
carries weights, built again.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from conftest import shared


def entries(*frameworks: str) -> list[dict[str, Any]]:
    """Return the entries of the list that have stored outputs."""
    listed = json.loads(shared("models.json").read_text(encoding="utf-8"))
    return [e for e in listed if e["framework"] in frameworks and e.get("golden")]


def obtain(entry: dict[str, Any]) -> Path:
    """Return the file or folder of a model, after checking it."""
    member = entry["path_in_package"][0]
    path = _package(entry) / member
    wanted = entry["sha256"].get(path.name)
    if wanted and path.is_file():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != wanted:
            raise ValueError(f"{member}: SHA-256 is {found}, expected {wanted}")
    return path


def golden(entry: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the stored inputs and outputs by name."""
    arrays = dict(np.load(shared(*entry["golden"].split("/"))))
    inputs = {key[3:]: array for key, array in arrays.items() if key.startswith("in/")}
    outputs = {key[4:]: array for key, array in arrays.items() if key.startswith("out/")}
    return inputs, outputs


def _package(entry: dict[str, Any]) -> Path:
    """Return the folder that a package is unpacked in; it appears whole, by renaming."""
    name = entry["package"].replace("/", "-").lstrip("@")
    target = zoo.cache() / f"{name}-{entry['version']}-unpacked"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        archive = _fetched(entry, Path(scratch))
        fresh = Path(scratch, "fresh")
        _unpack(archive, fresh)
        if not target.is_dir():
            fresh.rename(target)
    return target


def _fetched(entry: dict[str, Any], folder: Path) -> Path:
    if entry["registry"] == "npm":
        wanted = f"{entry['package']}@{entry['version']}"
        words = ["npm", "pack", "--silent", wanted]
    else:
        wanted = f"{entry['package']}=={entry['version']}"
        words = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", wanted]
    subprocess.run(words, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return next(folder.iterdir())


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir()
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(archive) as source:
            source.extractall(target, filter="data")
        (inner,) = target.iterdir()
        for item in list(inner.iterdir()):
            item.rename(target / item.name)
    for nested in target.rglob("*.mltk.zip"):
        with zipfile.ZipFile(nested) as inside:
            inside.extractall(target / "silabs_h5" / nested.name.removesuffix(".mltk.zip"))


def built(entry: dict[str, Any]) -> Any:
    """Return the Keras model of an entry whose package only has weights, None for others."""
    makers = {
        "tf_keras/deepcut": _deepcut,
        "tf_keras/chars2vec_eng50_lstm": _chars2vec,
        "tf_keras/upscalerjs_esrgan_slim_x2": _upscaler,
    }
    maker = makers.get(entry["name"])
    return maker(obtain(entry)) if maker else None


def _deepcut(path: Path) -> Any:
    import keras

    k = keras.layers
    characters, kinds = keras.Input((21,)), keras.Input((21,))
    x = k.BatchNormalization()(k.SpatialDropout1D(0.15)(k.Embedding(178, 32)(characters)))
    grams = []
    for window in range(1, 13):
        count = 200 if window < 9 else 150 if window < 12 else 100
        y = k.Conv1D(count, window, activation="relu")(x)
        y = k.TimeDistributed(k.Dense(5))(y)
        grams.append(k.ZeroPadding1D((0, window - 1))(y))
    z = k.SpatialDropout1D(0.15)(k.Embedding(12, 12)(kinds))
    y = k.Concatenate()([x, k.Maximum()(grams), z])
    y = k.Flatten()(k.BatchNormalization()(y))
    y = k.Dense(1, activation="sigmoid")(k.Dense(100, activation="relu")(y))
    model = keras.Model([characters, kinds], y)
    model.load_weights(path)
    return model


def _chars2vec(path: Path) -> Any:
    import keras

    k = keras.layers
    words = keras.Input((7, 59))
    y = k.LSTM(50)(k.LSTM(50, return_sequences=True)(words))
    model = keras.Model(words, y)
    model.load_weights(path)
    return model


def _upscaler(path: Path) -> Any:
    import tf_keras

    content = json.loads(path.read_text(encoding="utf-8"))
    model = tf_keras.models.model_from_json(json.dumps(content["modelTopology"]["model_config"]))
    (manifest,) = content["weightsManifest"]
    data = b"".join((path.parent / name).read_bytes() for name in manifest["paths"])
    arrays, offset = {}, 0
    for item in manifest["weights"]:
        count = int(np.prod(item["shape"]))
        arrays[item["name"]] = np.frombuffer(data, np.float32, count, offset).reshape(item["shape"])
        offset += 4 * count
    model.set_weights([arrays[weight.name.split(":")[0]] for weight in model.weights])
    return model
