"""Writes image files of many kinds, and expected.npz: what Pillow makes of them (Pillow 13, NumPy).

Each is 17 pixels wide and 13 high. An array of a file's name holds `convert("RGB")`, or `convert("L")`
where the name begins with gray.
"""

import glob
import os

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 13, 17
row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
rgb = np.stack([row * 19, column * 15, (row + column) * 8], axis=2).astype("uint8")
gray = (row * 9 + column * 8).astype("uint8")
cmyk = np.stack([row * 19, column * 15, (row + column) * 8, row * 7], axis=2).astype("uint8")

for old in glob.glob("*.*"):
    if old != "generate.py":
        os.remove(old)


def patched(source, target, change):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    with open(target, "wb") as file:
        file.write(change(data))


def of_adobe(data):
    return data.index(b"\xff\xee\x00\x0eAdobe")


def transform(value):
    def change(data):
        data[of_adobe(data) + 15] = value
        return data

    return change


def without_adobe(data):
    place = of_adobe(data)
    return data[:place] + data[place + 16 :]


def without_jfif(data):
    place = data.index(b"\xff\xe0")
    return data[:place] + data[place + 18 :]


def named_rgb(data):
    """Components called R, G and B, and no marker that tells colours."""
    frame = data.index(b"\xff\xc0")
    scan = data.index(b"\xff\xda")
    for component, name in enumerate(b"RGB"):
        data[frame + 10 + 3 * component] = name
        data[scan + 5 + 2 * component] = name
    return data


full = {"quality": 95, "subsampling": 0}
Image.fromarray(cmyk, "CMYK").save("cmyk.jpg", **full)
Image.fromarray(cmyk, "CMYK").save("cmyk-progressive.jpg", progressive=True, **full)
patched("cmyk.jpg", "cmyk-unmarked.jpg", without_adobe)
patched("cmyk.jpg", "ycck.jpg", transform(2))
patched("cmyk.jpg", "ycck-odd.jpg", transform(1))
Image.fromarray(rgb).save("rgb-adobe.jpg", keep_rgb=True, **full)
patched("rgb-adobe.jpg", "rgb-names.jpg", lambda data: named_rgb(without_adobe(data)))
Image.fromarray(rgb).save("jfif.jpg", **full)
patched("jfif.jpg", "bare.jpg", without_jfif)
Image.fromarray(gray).save("gray.jpg", quality=95)
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(rgb).save("turned.jpg", exif=exif, **full)

Image.fromarray(rgb).save("rgb.bmp")
Image.fromarray(gray).save("gray.bmp")
Image.fromarray(rgb).quantize(16).save("palette.bmp")
Image.fromarray(rgb).save("rgb.ppm")
Image.fromarray(gray).save("gray.pgm")
for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
    Image.fromarray(rgb).save(f"rgb-{compression}.tif", compression=compression)
Image.fromarray(gray).save("gray.TIFF".lower())
Image.fromarray(gray).convert("1").save("bits.tif")
Image.fromarray(gray).save("gray-white-is-zero.tif", tiffinfo={262: 0})
Image.fromarray(rgb).save("rgb-lossless.webp", lossless=True)
Image.fromarray(rgb).save("rgb-lossy.webp", quality=90)
Image.fromarray(rgb).quantize(16).save("palette.gif")
Image.fromarray(rgb).quantize(16).save("palette.png")
Image.fromarray(gray).quantize(4).save("few.png", bits=2)
Image.fromarray(gray).convert("1").save("bits.png")

expected = {}
for name in sorted(glob.glob("*.*")):
    if name != "generate.py":
        mode = "L" if name.startswith("gray") else "RGB"
        expected[name] = np.asarray(Image.open(name).convert(mode))
np.savez_compressed("expected.npz", **expected)

# What is refused.
Image.fromarray(rgb).save("refused-turned.tif", tiffinfo={274: 6})
Image.fromarray(cmyk, "CMYK").save("refused-cmyk.tif")
Image.fromarray(rgb).quantize(16).save("refused-palette.tif")
Image.fromarray(gray.astype("uint16") * 257).save("refused-16.png")
Image.fromarray(np.dstack([rgb, 255 - gray])).save("refused-alpha.webp", lossless=True)
