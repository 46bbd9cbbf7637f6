"""A real `drs serve` for the clients of other people: the shipped pool of Fashion-MNIST."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/fashion-mnist"
DRS = os.environ.get("DRS", str(ROOT / "target/debug/drs"))
IMAGES = sorted((EXAMPLE / "images").glob("*.png"))


class Server:
    """A server of its own, on ports that were free."""

    def __init__(self, *options, experts=EXAMPLE / "experts.toml"):
        command = [DRS, "serve", "--experts", str(experts), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.said = []
        addresses = []
        while len(addresses) < 2:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError(f"drs serve ended: {''.join(self.said)}")
            self.said.append(line)
            addresses += re.findall(r"listening on \w+://(\S+)", line)
        self.http, self.grpc = addresses
        os.set_blocking(self.process.stderr.fileno(), False)

    def log(self):
        """What it has said so far."""
        self.said += self.process.stderr.readlines()
        return "".join(self.said)

    def waits_for(self, words, seconds=30):
        until = time.monotonic() + seconds
        while words not in self.log():
            assert time.monotonic() < until, f"{words!r} was not said: {self.log()}"
            time.sleep(0.05)

    def end(self, how=signal.SIGTERM, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.end()
        finally:
            self.process.kill()


@pytest.fixture(scope="session")
def server():
    with Server() as server:
        yield server


def routed(image, *options):
    """What `drs route` answers about an image."""
    command = [DRS, "route", "--experts", str(EXAMPLE / "experts.toml"), "--json", *options, str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
