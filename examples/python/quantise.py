#!/usr/bin/env python3
"""Makes an 8-bit ONNX expert from a float one, statically, in the QDQ format.

    pip install numpy onnx onnxruntime pillow
    python3 quantise.py s025.onnx --inputs cifar10/train --out s025-int8.onnx

The ranges of all activations are measured on noisy inputs: training images plus Gaussian noise
at the expert's sigma, which is what the expert will see. `--inputs` is a folder with images, at any
depth; or an .npy file, or an .npz file with an array of `--key`, of images as bytes or as floats in
[0, 1], [n, channels, height, width] or [n, height, width, channels].

The result is another base classifier. It gets certificates of its own: certify it as any expert,
and compare the two with `drs analyze`.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Iterator, Optional

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image


class NoisyInputs(CalibrationDataReader):
    """Batches of images with noise."""

    def __init__(self, name: str, images: np.ndarray, sigma: float, seed: int, batch: int):
        random = np.random.default_rng(seed)
        noisy = images + sigma * random.standard_normal(images.shape)
        # As drs gives them: whole pixel steps.
        noisy = np.round(noisy * 255) / 255
        self.batches: Iterator[dict[str, np.ndarray]] = iter(
            {name: noisy[start : start + batch].astype(np.float32)} for start in range(0, len(noisy), batch)
        )

    def get_next(self) -> Optional[dict[str, np.ndarray]]:
        return next(self.batches, None)


ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


def pictures(folder: Path, channels: int, count: int, seed: int) -> np.ndarray:
    """Some images of a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise SystemExit(f"{folder}: no images found, expected some of {', '.join(sorted(ENDINGS))}")
    chosen = np.random.default_rng(seed).permutation(len(paths))[:count]
    images = [np.asarray(Image.open(paths[i]).convert("L" if channels == 1 else "RGB")) for i in chosen]
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        raise SystemExit(f"{folder}: images of {len(sizes)} sizes found, expected one: resize them as experts.toml does")
    stacked = np.stack(images)
    return stacked[..., None] if channels == 1 else stacked


def read(path: Path, key: str, shape: list[int], count: int, seed: int) -> np.ndarray:
    """Images as floats in [0, 1], channels first, of the model's shape."""
    channels = shape[0]
    if not path.exists():
        raise SystemExit(f"{path}: no such file or folder")
    found: Any = pictures(path, channels, count, seed) if path.is_dir() else np.load(path)
    if not isinstance(found, np.ndarray):
        if key not in found:
            raise SystemExit(f"{path}: no array {key!r}, expected one of {', '.join(found.files)}: --key")
        found = found[key]
    if found.ndim != 4:
        raise SystemExit(f"{path}: shape {found.shape} found, expected four dimensions")
    if found.shape[1] != channels:
        found = np.moveaxis(found, -1, 1)
    if found.shape[1] != channels:
        raise SystemExit(f"{path}: shape {found.shape} found, expected {channels} channels")
    for own, size, name in zip(found.shape[1:], shape, ("channels", "height", "width")):
        if size and own != size:
            raise SystemExit(f"{path}: {name} {own} found, but the model takes {size}: resize the images as experts.toml does")
    if not len(found):
        raise SystemExit(f"{path}: no images in it")
    chosen = np.random.default_rng(seed).permutation(len(found))[:count]
    images: np.ndarray = found[chosen].astype(np.float64)
    images = images / 255 if found.dtype == np.uint8 else images
    if not (images.min() >= 0 and images.max() <= 1):
        raise SystemExit(f"{path}: values from {images.min()} to {images.max()} found, expected bytes, or floats from 0 to 1")
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the float expert")
    parser.add_argument("--inputs", type=Path, required=True, help="training images: a folder, .npy or .npz")
    parser.add_argument("--key", default="images", help="the array of an .npz file")
    parser.add_argument("--sigma", type=float, help="noise level; from the model's metadata by default")
    parser.add_argument("--mean", type=float, nargs="+", help="of each channel, as in experts.toml")
    parser.add_argument("--std", type=float, nargs="+", help="of each channel, as in experts.toml")
    parser.add_argument("--count", type=int, default=512, help="images for calibration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    model = onnx.load(args.model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    sigma = args.sigma if args.sigma is not None else float(metadata.get("drs.sigma", "nan"))
    if not sigma >= 0:
        raise SystemExit(f"{args.model}: the metadata has no drs.sigma: --sigma")
    # Older files list their weights among the inputs.
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [port for port in model.graph.input if port.name not in weights]
    if len(inputs) != 1:
        raise SystemExit(f"{args.model}: {len(inputs)} inputs found, expected one, of images")
    image = inputs[0]
    dims = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    if len(dims) != 4 or dims[1] not in (1, 3):
        raise SystemExit(f"{args.model}: an input of shape {dims} found, expected [batch, 1 or 3 channels, height, width]")
    channels = dims[1]
    images = read(args.inputs, args.key, dims[1:], args.count, args.seed)
    if len(images) < dims[0]:
        raise SystemExit(f"{args.inputs}: {len(images)} images found, but the model's batch is fixed to {dims[0]}")
    # Whole batches only, where the model fixes their size.
    images = images[: len(images) // dims[0] * dims[0]] if dims[0] else images
    reader = NoisyInputs(image.name, images, sigma, args.seed, dims[0] or 64)
    for name, values in (("--mean", args.mean), ("--std", args.std)):
        if values and len(values) != channels:
            raise SystemExit(f"{name}: {len(values)} values found, expected one for each of {channels} channels")
    if args.mean or args.std:
        def column(values: Optional[list[float]], default: float) -> np.ndarray:
            return np.reshape(values or [default] * channels, (1, channels, 1, 1))

        mean, std = column(args.mean, 0), column(args.std, 1)
        reader.batches = iter([{k: ((v - mean) / std).astype(np.float32) for k, v in b.items()} for b in reader.batches])
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(args.model, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            args.out,
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    made = onnx.load(args.out)
    del made.metadata_props[:]
    for key, value in (metadata | {"drs.sigma": repr(sigma)}).items():
        made.metadata_props.add(key=key, value=value)
    onnx.save(made, args.out)
    print(f"{args.out}: calibrated on {len(images)} images at sigma {sigma}")


if __name__ == "__main__":
    main()
