"""Damaged requests sent to a real server: each is answered, nothing ends, memory stays.

Few by default, beside the 100,000 that `drs-serve/tests/malformed.rs` gives to the readers of each wire. More are asked for by
`DRS_MALFORMED=100000`.
"""

import base64
import http.client
import json
import os
import random

import grpc
from asking import memory
from conftest import IMAGES, Server, routed
from tritonclient.grpc import service_pb2 as messages

COUNT = int(os.environ.get("DRS_MALFORMED", "3000"))
MORE = [b"\x00", b"\xff\xff\xff\xff", b"9" * 30, b"-1", b"1e999", b'"', b"[" * 50, b"{}", b"null", b"\\u0000", b"NaN"]


def damaged(body, rng):
    """The body with one to four things wrong."""
    body = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        place, kind = rng.randrange(len(body) + 1), rng.randrange(5)
        if kind == 0 and place < len(body):
            body[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del body[place : place + rng.choice([1, 2, 10, 1000])]
        elif kind == 2:
            body[place:place] = rng.choice(MORE)
        elif kind == 3:
            other = rng.randrange(len(body) + 1)
            body[place:place] = body[other : other + rng.randint(1, 100)]
        else:
            del body[place:]
    return bytes(body)


def test_damaged_bodies_by_rest():
    image = base64.b64encode(IMAGES[1].read_bytes()).decode()
    good = json.dumps({
        "id": "a", "parameters": {"radius": 0.25, "seed": 1, "n": 500},
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}], "outputs": [{"name": "radius"}],
    }).encode()
    raw = IMAGES[1].read_bytes()
    raw = len(raw).to_bytes(4, "little") + raw
    binary = json.dumps({
        "parameters": {"radius": 0.25, "n": 500},
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(raw)}}],
    }).encode()
    rng = random.Random(5)
    with Server() as server:
        host, port = server.http.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        seen, before = {}, memory(server)
        for turn in range(COUNT):
            headers = {}
            body = damaged(good, rng)
            if turn % 2:
                body, headers = damaged(binary + raw, rng), {"Inference-Header-Content-Length": str(len(binary))}
            connection.request("POST", "/v2/models/drs/infer", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            assert answer.status == 200 or told["error"], body
            seen[answer.status] = seen.get(answer.status, 0) + 1
        # Few changes leave a request right; none breaks the server.
        assert set(seen) <= {200, 400} and seen[400] > COUNT / 2, seen
        assert memory(server) - before < 100 * 2**20
        check(server)


def test_damaged_messages_by_grpc():
    good = messages.ModelInferRequest(model_name="drs", id="a")
    good.parameters["radius"].double_param = 0.25
    good.parameters["n"].int64_param = 500
    tensor = good.inputs.add(name="image", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(IMAGES[1].read_bytes())
    good.outputs.add(name="radius")
    good = good.SerializeToString()
    rng = random.Random(6)
    with Server() as server, grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        seen, before = {}, memory(server)
        for _ in range(COUNT):
            try:
                call(damaged(good, rng), timeout=60)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
                assert error.details()
            seen[code] = seen.get(code, 0) + 1
        assert set(seen) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} and seen["INVALID_ARGUMENT"] > COUNT / 4, seen
        assert memory(server) - before < 100 * 2**20
        check(server)


def check(server):
    """It still answers, and as before."""
    host, port = server.http.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    image = base64.b64encode(IMAGES[1].read_bytes()).decode()
    body = {"parameters": {"radius": 0.25, "seed": 1}, "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}]}
    connection.request("POST", "/v2/models/drs/infer", json.dumps(body))
    told = {output["name"]: output["data"][0] for output in json.loads(connection.getresponse().read())["outputs"]}
    verdict = routed(IMAGES[1], "--seed", "1", "--radius", "0.25")["certificate"]["verdict"]
    assert (told["class"], told["radius"]) == (verdict["class"], verdict["radius"])
