#!/usr/bin/env python3
"""`drs serve` under load, beside `drs bench` and a server in Python.

    cargo xtask build
    python3 -m venv /tmp/serving && /tmp/serving/bin/pip install numpy scipy pillow onnxruntime fastapi uvicorn
    /tmp/serving/bin/python bench/serving.py --seconds 120

Clients on this machine ask about the shipped images, each the next one when it has its answer, by HTTP and PNG. Reported are
answers per second, how long answers took (p50, p99), and what the models were kept busy: the noisy images that each has run
(`/metrics`) over its rate in `drs bench`, added up. 1 is what `drs bench` does. The server in Python is FastAPI with the usual
procedure (`serving_plain.py`): it takes all N draws of the router and of the expert. Writes Markdown.
"""

import argparse
import http.client
import json
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/fashion-mnist"
DRS = ROOT / "target/release/drs"
IMAGES = [path.read_bytes() for path in sorted((EXAMPLE / "images").glob("*.png"))]


def asked(image, **parameters):
    """A request by the binary extension."""
    tensor = len(image).to_bytes(4, "little") + image
    head = {
        "parameters": parameters,
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tensor)}}],
        "outputs": [{"name": "class"}, {"name": "radius"}],
    }
    head = json.dumps(head).encode()
    return head + tensor, {"Inference-Header-Content-Length": str(len(head))}


def load(port, clients, seconds, request, path, at_end=lambda: None):
    """Latencies of all answers within the time, and what `at_end` gives when it is over."""
    took, until = [], time.perf_counter() + seconds

    def client(first):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        turn = first
        while time.perf_counter() < until:
            body, headers = request(IMAGES[turn % len(IMAGES)])
            turn += 1
            start = time.perf_counter()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(answer.status)
            if time.perf_counter() < until:
                took.append(time.perf_counter() - start)

    with ThreadPoolExecutor(clients) as threads:
        asking = [threads.submit(client, index) for index in range(clients)]
        time.sleep(max(0, until - time.perf_counter()))
        # What is under way then is answered too, but not counted.
        end = at_end()
        [each.result() for each in asking]
    return sorted(took), end


def rows(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return {model: float(count) for model, count in re.findall(r'drs_model_rows\{model="([^"]+)"\} (\S+)', text)}


def at(took, share):
    return took[min(len(took) - 1, int(share * len(took)))] * 1000


def told(name, took, seconds, busy=None):
    kept = "" if busy is None else f"{busy:.3f}"
    print(f"| {name} | {len(took) / seconds:.2f} | {at(took, 0.5):.0f} | {at(took, 0.99):.0f} | {kept} |", flush=True)


def of_drs(args):
    experts = EXAMPLE / "experts.toml"
    bench = lambda: {
        told["model"]: told["path"]
        for told in map(json.loads, subprocess.run([DRS, "bench", "--experts", experts, "--json"], capture_output=True, text=True, check=True).stdout.splitlines())
    }
    before = bench()
    server = subprocess.Popen([DRS, "serve", "--experts", experts, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    port = int(re.search(r":(\d+)$", next(line for line in server.stderr if "listening" in line).strip())[1])
    path = "/v2/models/drs/infer"
    runs = []
    for name, clients, seconds, parameters in [
        ("r = 0.5, 1 client", 1, args.seconds / 4, {"radius": 0.5}),
        (f"r = 0.5, {args.clients} clients", args.clients, args.seconds, {"radius": 0.5}),
        (f"to within 5 %, {args.clients} clients", args.clients, args.seconds, {"tol": 0.05}),
    ]:
        load(port, clients, 2, lambda image: asked(image, **parameters), path)
        start = rows(port)
        took, end = load(port, clients, seconds, lambda image: asked(image, **parameters), path, lambda: rows(port))
        done = {model: count - start.get(model, 0) for model, count in end.items()}
        runs.append((name, took, seconds, done))
    server.terminate()
    server.wait()
    after = bench()
    rate = {model: (before[model] + after[model]) / 2 for model in before}
    for name, took, seconds, done in runs:
        told(name, took, seconds, sum(count / rate[model] for model, count in done.items()) / seconds)


def of_python(args):
    plain = subprocess.Popen([sys.executable, str(ROOT / "bench/serving_plain.py"), "--port", "8765"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.2)
            try:
                socket.create_connection(("127.0.0.1", 8765)).close()
                break
            except OSError:
                pass
        for clients in (1, args.clients):
            took, _ = load(8765, clients, args.seconds, lambda image: (image, {}), "/predict")
            told(f"FastAPI, all draws, {clients} clients", took, args.seconds)
    finally:
        plain.terminate()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--servers", nargs="+", choices=["drs", "python"], default=["drs", "python"])
    args = parser.parse_args()

    print("| | answers /s | p50 ms | p99 ms | busy, of `drs bench` |\n| --- | ---: | ---: | ---: | ---: |")
    if "drs" in args.servers:
        of_drs(args)
    if "python" in args.servers:
        of_python(args)


if __name__ == "__main__":
    main()
