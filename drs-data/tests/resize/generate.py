"""Makes the images of this folder and expected.npz: what torchvision gives for them.

    python generate.py        # torchvision 0.26.0, Pillow 12.3.0, NumPy 2.4.6; seed 1

Each array of expected.npz is named IMAGE@SIDE-FILTER and has the shape of the crop:
channels, height, width.
"""

from pathlib import Path

import numpy
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

HERE = Path(__file__).parent
CROP = (24, 28)  # height, width

random = numpy.random.default_rng(1)


def photo(height, width):
    """Smooth shades, hard edges and grain."""
    y, x = numpy.mgrid[0:height, 0:width]
    shades = [127 + 120 * numpy.sin(x / a + y / b) for a, b in [(9, 31), (23, 7), (15, -12)]]
    picture = numpy.stack(shades, axis=-1)
    picture[height // 3 : height // 2, width // 4 : width // 2] = [255, 0, 40]
    picture += random.normal(0, 12, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(numpy.uint8))


def main():
    images = {
        "wide.png": photo(61, 97),
        "tall.png": photo(90, 43),
        "small.png": photo(21, 30),
        "gray.png": photo(50, 71).convert("L"),
        "square.png": photo(40, 40),
        "full.jpg": photo(61, 97),
        "half.jpg": photo(90, 43),
        "gray.jpg": photo(50, 71).convert("L"),
        "progressive.jpg": photo(64, 80),
    }
    sampling = {"full.jpg": 0, "half.jpg": 2, "progressive.jpg": 2}
    expected = {}
    for name, image in images.items():
        options = {}
        if name.endswith(".jpg"):
            options = {"quality": 90, "progressive": name == "progressive.jpg"}
        if name in sampling:
            options["subsampling"] = sampling[name]
        image.save(HERE / name, **options)
        with Image.open(HERE / name) as file:
            loaded = file.convert("RGB")
        for side in (28, 32, 40):
            for mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
                resize = transforms.Resize(side, interpolation=mode)
                result = transforms.CenterCrop(CROP)(resize(loaded))
                expected[f"{name}@{side}-{mode.value}"] = numpy.array(result).transpose(2, 0, 1)
    numpy.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    main()
