#!/usr/bin/env python3
"""Writes logits.csv beside this file: PyTorch's logits of the shipped models on the first shipped images.

    experts/onnx/tests/logits.py RUNS    # the folder that examples/fashion-mnist/train.sh made
"""

import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[2] / "examples/fashion-mnist/images"


def tiny_cnn(weights, x):
    x = (x - 0.2860) / 0.3530
    for number, stride in enumerate([1, 2, 2, 1], 1):
        x = functional.conv2d(x, weights[f"1.conv{number}.weight"], stride=stride, padding=1)
        norm = [weights[f"1.bn{number}.{name}"] for name in ["running_mean", "running_var", "weight", "bias"]]
        x = functional.relu(functional.batch_norm(x, *norm))
    return functional.linear(x.mean((2, 3)), weights["1.fc.weight"], weights["1.fc.bias"])


def main():
    paths = sorted(IMAGES.glob("*.png"))[:8]
    pixels = numpy.stack([numpy.asarray(Image.open(path)) for path in paths])
    inputs = torch.tensor(pixels, dtype=torch.float32).unsqueeze(1) / 255
    lines = [
        "# Logits of the shipped models on the first eight shipped images (noise-free, pixels in [0, 1]),",
        f"# by logits.py, with PyTorch {torch.__version__.split('+')[0]} on CPU in float32.",
        "model,image,logits...",
    ]
    for model in ["s025", "s050", "s100", "router"]:
        logits = tiny_cnn(load_file(Path(sys.argv[1]) / model / "model.safetensors"), inputs)
        for index, row in enumerate(logits.tolist()):
            lines.append(f"{model},{index},{','.join(f'{value:.6f}' for value in row)}")
    (HERE / "logits.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
