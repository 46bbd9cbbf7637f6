"""Makes the folders of this one: CIFAR's python version with two images each.

    python generate.py        # Python 3.11, NumPy 2.4.6

The published files were written by Python 2 (protocol 2, all strings as byte strings), so
this pickler writes strings as Python 2 did. `repickled` is as Python 3 writes the same;
`bytes-N` as it does with protocol N where `pickle.load` was asked for `encoding="bytes"`.
"""

import pickle
import struct
from io import BytesIO
from pathlib import Path

import numpy

HERE = Path(__file__).parent


class Python2Pickler(pickle._Pickler):
    """Writes str and bytes alike, as Python 2's str."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        data = value.encode() if isinstance(value, str) else value
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def python2(value):
    file = BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def images(first):
    return (numpy.arange(2 * 3072).reshape(2, 3072) // 12 % 256 + first).astype(numpy.uint8)


def as_bytes(value):
    """The same with all strings as bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [as_bytes(item) for item in value]
    if isinstance(value, dict):
        return {as_bytes(key): as_bytes(item) for key, item in value.items()}
    return value


def main():
    ten = {
        "batch_label": "testing batch 1 of 1",
        "labels": [3, 9],
        "data": images(0),
        "filenames": ["domestic_cat_s_000907.png", "wagon_s_000001.png"],
    }
    names = {
        "num_cases_per_batch": 10000,
        "label_names": [f"class{index}" for index in range(10)],
        "num_vis": 3072,
    }
    hundred = {
        "filenames": ["volcano_s_000012.png", "woods_s_000412.png"],
        "batch_label": "testing batch 1 of 1",
        "fine_labels": [49, 99],
        "coarse_labels": [10, 17],
        "data": numpy.asfortranarray(images(1)),
    }
    fine = {
        "fine_label_names": [f"fine{index}" for index in range(100)],
        "coarse_label_names": [f"coarse{index}" for index in range(20)],
    }
    files = {
        "cifar-10-batches-py/test_batch": python2(ten),
        "cifar-10-batches-py/batches.meta": python2(names),
        "cifar-100-python/test": python2(hundred),
        "cifar-100-python/meta": python2(fine),
        "repickled/test_batch": pickle.dumps(ten, protocol=4),
        "repickled/batches.meta": pickle.dumps(names, protocol=4),
    }
    for protocol in (2, 5):
        for name, value in (("test_batch", ten), ("batches.meta", names)):
            data = pickle.dumps(as_bytes(value), protocol=protocol)
            files[f"bytes-{protocol}/{name}"] = data
    for name, data in files.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
