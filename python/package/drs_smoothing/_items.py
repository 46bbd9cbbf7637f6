"""Inputs and data sets, as the native half takes them: arrays and paths."""

from __future__ import annotations

import os
from typing import Any, Iterable, Iterator, Optional, Sequence

import numpy as np

from ._kinds import is_tensor


def array(value: Any) -> Any:
    """An array or a path from what a user calls an image."""
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if is_tensor(value):
        value = value.detach().cpu()
        if value.dtype.is_floating_point and str(value.dtype) not in ("torch.float32", "torch.float64"):
            value = value.float()
        value = value.numpy()
    elif hasattr(value, "mode") and hasattr(value, "getbands"):
        # An image of Pillow: rows, columns, channels.
        value = np.asarray(value)
        value = value[None] if value.ndim == 2 else np.moveaxis(value, -1, 0)
    else:
        value = np.asarray(value)
    return value


def images(values: Any) -> Iterator[Any]:
    """One by one; an array of four dimensions is a batch, of three a single image."""
    if isinstance(values, (str, os.PathLike)):
        yield os.fspath(values)
        return
    dims = getattr(values, "ndim", None)
    if dims == 3:
        yield array(values)
        return
    if dims is not None and dims != 4:
        raise ValueError(f"an array of {dims} dimensions found, expected [n, channels, height, width] or one image")
    if dims is None and not isinstance(values, Iterable):
        raise TypeError(f"{type(values).__name__} found, expected images: an array, or something to iterate over")
    for value in values:
        yield array(value)


class Items:
    """A data set: as many inputs as `len` says, by index."""

    def __init__(self, data: Any):
        self.data: Any = data
        self.labels: Optional[list[int]] = None
        self.names: Optional[list[str]] = None
        self.name = type(data).__name__
        if isinstance(data, (tuple, list)) and len(data) == 2 and getattr(data[0], "ndim", 0) == 4:
            # Arrays of images and labels.
            self.data, self.labels = data[0], [int(label) for label in data[1]]
        elif hasattr(data, "features") and hasattr(data, "column_names"):
            self.image, label = columns(data)
            if label is not None:
                self.labels = [int(each) for each in data[label]]
                self.names = list(getattr(data.features[label], "names", None) or []) or None
        elif getattr(data, "ndim", None) != 4:
            self.labels = labels_of(data)
            names = getattr(data, "classes", None) if self.labels is not None else None
            self.names = None if names is None else [str(name) for name in names]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        item = self.data[index]
        if hasattr(self, "image"):
            item = item[self.image]
        elif isinstance(item, (tuple, list)):
            item = item[0]
        return array(item)


def columns(data: Any) -> tuple[str, Optional[str]]:
    """The columns of images and labels of a data set of Hugging Face."""
    images = [name for name, feature in data.features.items() if type(feature).__name__ == "Image"]
    labels = [name for name, feature in data.features.items() if type(feature).__name__ == "ClassLabel"]
    images = images or [name for name in ("image", "img", "pixel_values") if name in data.column_names]
    if len(images) != 1:
        raise ValueError(f"columns {data.column_names} found, expected one of images")
    if not labels:
        labels = [name for name in ("label", "labels") if name in data.column_names]
    return images[0], labels[0] if len(labels) == 1 else None


def labels_of(data: Any) -> Optional[list[int]]:
    """The labels of a data set of PyTorch: as it lists them, else by reading every item."""
    for name in ("targets", "labels", "_labels"):
        listed: Any = getattr(data, name, None)
        if isinstance(listed, Sequence) or getattr(listed, "ndim", None) == 1:
            return [int(label) for label in listed]
    first = data[0] if len(data) else None
    if not isinstance(first, (tuple, list)) or len(first) < 2:
        return None
    return [int(data[index][1]) for index in range(len(data))]
