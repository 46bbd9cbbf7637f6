"""Writes SVHN's files as SciPy saves them: three images, the labels 10, 1 and 9."""

import numpy as np
from scipy.io import savemat

h, w, c, n = np.ogrid[0:32, 0:32, 0:3, 0:3]
images = ((h + 2 * w) % 97 + 50 * c + 10 * n).astype("uint8")
labels = np.array([[10], [1], [9]])
savemat("test_32x32.mat", {"X": images, "y": labels.astype("float64")}, do_compression=True)
savemat("train_32x32.mat", {"note": "other", "y": labels.astype("uint8"), "X": images})
