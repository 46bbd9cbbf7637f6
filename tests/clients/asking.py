"""Requests as bytes, and what comes back."""

import base64
import json
import re
import urllib.error
import urllib.request

from conftest import IMAGES


def ask(address, path="/v2/models/drs/infer", headers=None, scheme="http", context=None, **parameters):
    """The answer to an image in JSON: its status, and what it says."""
    image = base64.b64encode(IMAGES[1].read_bytes()).decode()
    body = {"parameters": parameters, "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}]}
    return send(address, path, json.dumps(body).encode(), headers, scheme, context)


def send(address, path, body=None, headers=None, scheme="http", context=None):
    request = urllib.request.Request(f"{scheme}://{address}{path}", data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=120, context=context) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def told(answer):
    return {output["name"]: output["data"][0] for output in json.loads(answer[1])["outputs"]}


def metric(server, name):
    text = send(server.http, "/metrics")[1].decode()
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
    return sum(float(value) for value in found)


def ask_bytes(**parameters):
    image = base64.b64encode(IMAGES[1].read_bytes()).decode()
    body = {"parameters": parameters, "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}]}
    return json.dumps(body).encode()


def head(path, length, more=""):
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def memory(server):
    """The most that the process has held so far, in bytes."""
    status = open(f"/proc/{server.process.pid}/status").read()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])
