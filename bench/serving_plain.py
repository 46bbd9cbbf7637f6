#!/usr/bin/env python3
"""The usual procedure behind FastAPI, for comparison with `drs serve`: dual routing with fixed N, ONNX Runtime, float noise.

    bench/serving_plain.py --port 8765

POST /predict takes an image file and answers with class and radius.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from scipy.stats import beta, norm

EXAMPLE = Path(__file__).resolve().parent.parent / "examples/fashion-mnist"
N0, N, ALPHA, BATCH = 100, 10_000, 0.001, 256
NOISE = np.random.default_rng()
EXPERTS = [("s025", 0.25), ("s050", 0.5), ("s100", 1.0)]


def session(name):
    options = onnxruntime.SessionOptions()
    return onnxruntime.InferenceSession(EXAMPLE / f"{name}.onnx", options)


def counts(model, image, n, sigma, classes):
    total = np.zeros(classes, dtype=int)
    name = model.get_inputs()[0].name
    while n > 0:
        rows = min(BATCH, n)
        n -= rows
        noisy = image + sigma * NOISE.standard_normal((rows, *image.shape), dtype=np.float32)
        votes = model.run(None, {name: noisy.astype(np.float32)})[0].argmax(1)
        total += np.bincount(votes, minlength=classes)
    return total


def certify(model, image, sigma, classes):
    top = int(counts(model, image, N0, sigma, classes).argmax())
    successes = counts(model, image, N, sigma, classes)[top]
    p = beta.ppf(ALPHA / 2, successes, N - successes + 1) if successes else 0.0
    return (top, sigma * norm.ppf(p)) if p >= 0.5 else (-1, 0.0)


def predict(body):
    image = np.asarray(Image.open(io.BytesIO(body)), dtype=np.float32)[None] / 255
    expert, route = certify(router, image, router_sigma, len(EXPERTS))
    if expert < 0:
        return {"class": -1, "radius": 0.0}
    name, sigma = EXPERTS[expert]
    label, radius = certify(experts[expert], image, sigma, 10)
    return {"class": label, "radius": float(min(route, radius)), "expert": name}


app = FastAPI()


@app.post("/predict")
async def answer(request: Request):
    return await run_in_threadpool(predict, await request.body())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765)
    args = parser.parse_args()
    router = session("router")
    router_sigma = float(router.get_modelmeta().custom_metadata_map["drs.sigma"])
    experts = [session(name) for name, _ in EXPERTS]
    uvicorn.run(app, port=args.port, log_level="warning")
