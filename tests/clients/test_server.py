"""What happens around requests: signals, overload, slow and broken senders, tokens, encryption, and what is seen from outside."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask, ask_bytes, head, metric, send, told
from conftest import EXAMPLE, IMAGES, Server, routed


def begun(server, count):
    """Waits until so many requests are under way, or answered."""
    until = time.monotonic() + 60
    while metric(server, "drs_images_accepted") + metric(server, "nv_inference_count") < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def drawn(server, count):
    """Waits until the models have run so many noisy images."""
    until = time.monotonic() + 60
    while metric(server, "drs_model_rows") < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_end_waits_for_what_is_under_way():
    with Server() as server, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, server.http, tol=0.0, n=5_000, seed=1) for _ in range(6)]
        begun(server, 6)
        server.process.send_signal(signal.SIGTERM)
        answers = [future.result() for future in asked]
        assert server.end() == 0
    assert [answer[0] for answer in answers] == [200] * 6
    assert len({told(answer)["radius"] for answer in answers}) == 1


def test_the_end_cuts_what_takes_too_long():
    with Server("--drain", "1") as server, ThreadPoolExecutor(2) as threads:
        asked = threads.submit(ask, server.http, tol=0.0, n=1_000_000)
        # Enough for a class, and a radius.
        drawn(server, 3000)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 20
        answer = asked.result()
    assert answer[0] == 200 and told(answer)["cut"] is True and told(answer)["radius"] > 0


def test_a_reload_takes_the_new_pool_and_a_bad_one_changes_nothing(tmp_path):
    for name in ["experts.toml", "router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"]:
        shutil.copy(EXAMPLE / name, tmp_path)
    experts = tmp_path / "experts.toml"
    generation = lambda: json.loads(send(server.http, "/v2/models/drs")[1])["properties"]["generation"]
    with Server(experts=experts) as server, ThreadPoolExecutor(4) as threads:
        stop = threading.Event()

        def keep_asking():
            answers = []
            while not stop.is_set():
                answers.append(ask(server.http, radius=0.25, seed=2))
            return answers

        asked = [threads.submit(keep_asking) for _ in range(3)]
        try:
            good = experts.read_text()
            experts.write_text(good + "\nnonsense = 1\n")
            server.process.send_signal(signal.SIGHUP)
            server.waits_for("not reloaded, what was open stays")
            assert generation() == "1"
            experts.write_text(good)
            server.process.send_signal(signal.SIGHUP)
            server.waits_for("generation 2")
            assert generation() == "2"
            time.sleep(0.5)
        finally:
            stop.set()
        answers = [answer for future in asked for answer in future.result()]
        assert metric(server, "drs_reloads") == 2
    assert len(answers) > 10 and all(answer[0] == 200 for answer in answers)
    assert len({told(answer)["radius"] for answer in answers}) == 1


def test_more_than_there_is_room_for_is_refused_by_name():
    with Server("--queue", "4") as server:
        with ThreadPoolExecutor(120) as threads:
            answers = list(threads.map(lambda _: ask(server.http, tol=0.0, n=600, seed=1), range(120)))
        status = [answer[0] for answer in answers]
        assert set(status) == {200, 429} and status.count(200) >= 30, status
        radii = {told(answer)["radius"] for answer in answers if answer[0] == 200}
        assert radii == {routed(IMAGES[1], "--seed", "1", "--n", "600", "--tol", "0")["certificate"]["verdict"]["radius"]}
        refused = next(answer for answer in answers if answer[0] == 429)
        assert "the queue is full" in json.loads(refused[1])["error"] and int(refused[2]["Retry-After"]) >= 1
        assert metric(server, "nv_inference_request_failure") == status.count(429)
        assert metric(server, "drs_images_accepted") == 0


def test_who_is_gone_is_not_drawn_for():
    with Server() as server:
        body = ask_bytes(n=1_000_000, tol=0.0)
        host, port = server.http.split(":")
        sockets = []
        for _ in range(8):
            one = socket.create_connection((host, int(port)))
            one.sendall(head("/v2/models/drs/infer", len(body)) + body)
            sockets.append(one)
        begun(server, 8)
        [one.close() for one in sockets]
        until = time.monotonic() + 20
        while metric(server, "drs_images_accepted") > 0:
            assert time.monotonic() < until
            time.sleep(0.05)
        # Batches that run are finished; no other is begun.
        time.sleep(1)
        before = metric(server, "drs_model_rows")
        time.sleep(1)
        assert metric(server, "drs_model_rows") == before
        assert ask(server.http, radius=0.25)[0] == 200


def test_a_token_is_asked_for(tmp_path):
    import tritonclient.grpc as grpc

    token = tmp_path / "token"
    token.write_text("open-sesame\n")
    with Server("--token-file", str(token)) as server:
        for headers in ({}, {"Authorization": "Bearer open-sesamE"}, {"Authorization": "open-sesame"}):
            status, body, answer = ask(server.http, headers=headers, radius=0.25)
            assert status == 401 and b"token" in body and answer["WWW-Authenticate"] == "Bearer"
        assert ask(server.http, headers={"Authorization": "bearer open-sesame"}, radius=0.25)[0] == 200
        for path in ("/v2/health/live", "/v2/health/ready", "/metrics", "/"):
            assert send(server.http, path)[0] == 200
        assert send(server.http, "/v2/models/drs")[0] == 401 and send(server.http, "/api/pool")[0] == 401
        client = grpc.InferenceServerClient(server.grpc)
        with pytest.raises(Exception, match="UNAUTHENTICATED"):
            client.get_model_metadata("drs")
        assert client.get_model_metadata("drs", headers={"authorization": "Bearer open-sesame"}).name == "drs"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_encryption(tmp_path):
    import ssl

    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*made, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    with Server("--tls-cert", str(cert), "--tls-key", str(key)) as server:
        context = ssl.create_default_context(cafile=str(cert))
        assert ask(server.http, scheme="https", context=context, radius=0.25)[0] == 200
    done = subprocess.run(
        [os.environ.get("DRS", str(EXAMPLE.parents[1] / "target/debug/drs")), "serve", "--experts", str(EXAMPLE / "experts.toml"), "--http", "127.0.0.1:0",
         "--tls-cert", str(key), "--tls-key", str(tmp_path / "none")], capture_output=True, text=True,
    )
    assert done.returncode == 1 and "none" in done.stderr


def test_malformed_bodies_are_refused_and_nothing_ends(server):
    good = ask_bytes(radius=0.25, seed=1)
    bodies = [b"", b"{", b"[]", b"null", b'{"inputs": []}', b'{"inputs": {}}', b"\xff\xfe", b"[" * 200_000, good[:-1], good + b"x"]
    bodies += [good.replace(*pair) for pair in [
        (b'"shape": [1]', b'"shape": [-1]'), (b'"shape": [1]', b'"shape": [9223372036854775807]'), (b'"shape": [1]', b'"shape": [2]'),
        (b'"shape": [1]', b'"shape": []'), (b'"shape": [1]', b'"shape": "1"'), (b'"BYTES"', b'"FP16"'), (b'"BYTES"', b'"UINT8"'),
        (b'"image"', b'"imago"'), (b'"inputs"', b'"outputs"'), (b'"data": ["', b'"data": ["!'), (b'"data"', b'"date"'),
        (b'"radius": 0.25', b'"radius": -1'), (b'"radius": 0.25', b'"radius": 1e999'), (b'"radius": 0.25', b'"radius": null'),
        (b'"radius": 0.25', b'"radius": 0.25, "tol": 0.1'), (b'"seed": 1', b'"seed": -1'), (b'"seed": 1', b'"seed": "xyz"'),
        (b'"inputs"', b'"outputs": [{"name": "radius"}, {"name": "radius"}], "inputs"'),
        (b'"inputs"', b'"outputs": [' + b", ".join([b'{"name": "certificate"}'] * 10_000) + b'], "inputs"'),
    ]]
    for body in bodies:
        status, answer, _ = send(server.http, "/v2/models/drs/infer", body)
        assert status == 400 and json.loads(answer)["error"], (status, body[:200])
    for length in ("-1", "x", "99999999", "1"):
        status, answer, _ = send(server.http, "/v2/models/drs/infer", good, {"Inference-Header-Content-Length": length})
        assert status == 400, (length, answer)
    for path, status in [("/v3", 404), ("/v2/models/none", 404), ("/v2/models/drs/versions/2", 404), ("/v2/models/drs/versions/1", 200), ("/v2/models/drs/infer", 405)]:
        assert send(server.http, path)[0] == status, path
    assert ask(server.http, radius=0.25)[0] == 200


def test_a_plugin_that_dies_costs_only_what_killed_it(tmp_path):
    experts = tmp_path / "experts.toml"
    experts.write_text(
        '[input]\nshape = [1, 2, 2]\nquantum = "1/255"\n[isolation]\nrestarts = 30\n[[expert]]\nname = "bad"\nplugin = "misbehaving"\n'
        'config = { how = "abort", sigma = 0.01 }\nisolation = "process"\n'
    )
    pixels = lambda *values: json.dumps({
        "parameters": {"seed": 3, "radius": 0.001},
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 2], "data": list(values)}],
    }).encode()
    with Server(experts=experts) as server, ThreadPoolExecutor(8) as threads:
        ask_for = lambda *values: send(server.http, "/v2/models/bad/infer", pixels(*values))
        alone = told(ask_for(9, 120, 3, 0))
        assert alone["class"] >= 0
        # In the same batches as those that kill it.
        others = [threads.submit(ask_for, 9, 120, 3, 0) for _ in range(40)]
        status, body, _ = ask_for(255, 120, 3, 0)
        assert status == 500 and "died of signal 6" in json.loads(body)["error"]
        for other in others:
            assert told(other.result()) == alone
        assert send(server.http, "/v2/health/ready")[0] == 200
        for _ in range(40):
            status, body, _ = ask_for(255, 120, 3, 0)
            assert status == 500
        assert "isolation.restarts" in json.loads(body)["error"]
        assert send(server.http, "/v2/health/ready")[0] == 503 and send(server.http, "/v2/health/live")[0] == 200
        # A reload counts anew.
        server.process.send_signal(signal.SIGHUP)
        server.waits_for("generation 2")
        assert send(server.http, "/v2/health/ready")[0] == 200 and told(ask_for(9, 120, 3, 0)) == alone


def test_traces_are_sent_to_a_collector():
    from concurrent import futures

    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

    spans = []

    class Collector(service.TraceServiceServicer):
        def Export(self, request, context):
            for resource in request.resource_spans:
                names = {each.key: each.value.string_value for each in resource.resource.attributes}
                assert names["service.name"] == "drs"
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            return messages.ExportTraceServiceResponse()

    collector = grpc.server(futures.ThreadPoolExecutor(2))
    service.add_TraceServiceServicer_to_server(Collector(), collector)
    port = collector.add_insecure_port("127.0.0.1:0")
    collector.start()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Server("--otlp", f"http://127.0.0.1:{port}") as server:
        assert ask(server.http, headers={"traceparent": parent}, radius=0.25, seed=1)[0] == 200
        assert server.end() == 0
    collector.stop(None)
    request = next(span for span in spans if span.name == "POST /v2/models/drs/infer")
    assert request.trace_id.hex() == parent.split("-")[1] and request.parent_span_id.hex() == parent.split("-")[2]
    inner = {span.name: span for span in spans if span.parent_span_id == request.span_id}
    assert set(inner) == {"queue", "certify"}
    assert request.start_time_unix_nano <= inner["certify"].start_time_unix_nano <= inner["certify"].end_time_unix_nano
    facts = {each.key: each.value for each in inner["certify"].attributes}
    assert facts["drs.draws"].int_value > 100 and facts["drs.radius"].double_value > 0
    # A collector that is not there holds nobody up.
    with Server("--otlp", "http://127.0.0.1:1") as server:
        assert ask(server.http, radius=0.25)[0] == 200
        began = time.monotonic()
        assert server.end() == 0 and time.monotonic() - began < 20


def test_the_page_shows_the_radius_grow(server):
    status, page, headers = send(server.http, "/")
    assert status == 200 and b"<html" in page and "default-src 'none'" in headers["Content-Security-Policy"]
    pool = json.loads(send(server.http, "/api/pool")[1])
    assert pool["methods"][0] == "maxmin" and pool["shape"] == [1, 28, 28] and len(pool["classes"]) == 10
    status, events, headers = send(server.http, "/api/ask?tol=0&n=20000&seed=4&method=&radius=", IMAGES[1].read_bytes())
    assert status == 200 and headers["Content-Type"] == "text/event-stream"
    events = [event.split("\n") for event in events.decode().strip().split("\n\n")]
    events = [(event[0].removeprefix("event: "), json.loads(event[1].removeprefix("data: "))) for event in events]
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "begun" and kinds[-1] == "answer" and kinds.count("progress") >= 2
    assert len(base64.b64decode(events[0][1]["pixels"])) == 28 * 28
    radii = [data["radius"] for kind, data in events if kind != "begun"]
    assert radii == sorted(radii)
    verdict = routed(IMAGES[1], "--seed", "4", "--n", "20000", "--tol", "0")["certificate"]["verdict"]
    assert events[-1][1]["certificate"]["certificate"]["verdict"] == verdict
    status, body, _ = send(server.http, "/api/ask?seed=4", b"no image")
    assert status == 400 and b"image" in body
