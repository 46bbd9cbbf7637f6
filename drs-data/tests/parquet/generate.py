"""Writes hub.parquet, paths.parquet, other.parquet and groups.parquet as the Hugging Face datasets library does (pyarrow 14 or later).

Four 3x2 images: PNG, height 2, width 3, all pixels 10 times the row; labels 0, 1, 2, 1.
"""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (value, value + 1, value + 2)).save(file, "PNG")
    return file.getvalue()


images = [{"bytes": png(10 * row), "path": f"{row}.png"} for row in range(4)]
names = ["cat", "dog", "owl"]
features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
schema = pa.schema(
    [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
    {"huggingface": json.dumps({"info": {"features": features}})},
)
table = pa.Table.from_pydict({"image": images, "label": [0, 1, 2, 1]}, schema)
pq.write_table(table, "hub.parquet", compression="snappy")
paths = [{"bytes": None, "path": "0.png"}]
pq.write_table(pa.Table.from_pydict({"image": paths, "label": [0]}, schema), "paths.parquet")

# Other names, a column that is not read, and a row without its image.
features = {"picture": {"_type": "Image"}, "kind": {"names": names, "_type": "ClassLabel"}}
schema = pa.schema(
    [
        ("caption", pa.string()),
        ("picture", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("score", pa.list_(pa.float32())),
        ("kind", pa.int64()),
    ],
    {"huggingface": json.dumps({"info": {"features": features}})},
)
images[1] = {"bytes": None, "path": "1.png"}
columns = {"caption": ["", "a", "b", "c"], "picture": images, "score": [[0.5]] * 4, "kind": [2, 1, 0, 1]}
pq.write_table(pa.Table.from_pydict(columns, schema), "other.parquet", compression="zstd")

# Nine images in groups of two.
schema = pa.schema([("image", pa.struct([("bytes", pa.binary())])), ("label", pa.int8())])
columns = {"image": [{"bytes": png(10 * row)} for row in range(9)], "label": list(range(9))}
pq.write_table(pa.Table.from_pydict(columns, schema), "groups.parquet", row_group_size=2)
