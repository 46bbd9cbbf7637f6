"""What a server does not take: names from elsewhere, seeds, too many connections, bodies that are too large or too slow."""

import json
import socket
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask, head, memory, send
from conftest import Server


def test_a_name_from_elsewhere_is_not_this_machine():
    import tritonclient.grpc as grpc

    with Server("--host", "models.internal") as server:
        for host in ("evil.example", "localhost.evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""):
            status, body, _ = ask(server.http, headers={"Host": host}, radius=0.25)
            assert status == 421 and "--host" in json.loads(body)["error"], host
            assert send(server.http, "/", headers={"Host": host})[0] == 421
        for host in ("localhost", "LOCALHOST:8000", "[::1]:8000", "192.168.0.7", "models.internal:80"):
            assert ask(server.http, headers={"Host": host}, radius=0.25)[0] == 200, host
        client = grpc.InferenceServerClient(server.grpc, channel_args=[("grpc.default_authority", "evil.example")])
        with pytest.raises(Exception, match="evil.example"):
            client.is_server_ready()


def test_connections_have_a_limit():
    with Server("--connections", "3", "--patience", "2") as server:
        host, port = server.http.split(":")
        idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(3)]
        time.sleep(0.3)
        more = socket.create_connection((host, int(port)), timeout=20)
        try:
            more.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert more.recv(4096) == b""
        except ConnectionError:
            pass
        # Those that say nothing are closed, and there is room again.
        until = time.monotonic() + 20
        while True:
            try:
                assert send(server.http, "/v2/health/live")[0] == 200
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until
                time.sleep(0.1)
        [one.close() for one in idle]


def test_a_server_that_chooses_its_seeds_says_so():
    with Server("--no-seed") as server:
        status, body, _ = ask(server.http, radius=0.25, seed=1)
        assert status == 400 and "--no-seed" in json.loads(body)["error"]
        assert ask(server.http, radius=0.25)[0] == 200
        assert json.loads(send(server.http, "/api/pool")[1])["seeds"] is False


def test_many_values_in_few_bytes_take_no_more_memory_than_there_may_be():
    with Server("--memory", "64MiB", "--max-body", "16MiB") as server:
        before = memory(server)
        # Two bytes each, and a text of 24 in memory.
        body = b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [' + b",".join([b'""'] * 2_000_000) + b"]}]}"
        status, answer, _ = send(server.http, "/v2/models/drs/infer", body)
        assert status == 413 and "binary data" in json.loads(answer)["error"]
        with ThreadPoolExecutor(16) as threads:
            body = b'{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1], "data": [' + b",".join([b"0"] * 300_000) + b"]}]}"
            answers = list(threads.map(lambda _: send(server.http, "/v2/models/drs/infer", body), range(64)))
        assert {answer[0] for answer in answers} <= {400, 429}
        assert memory(server) - before < 150 * 2**20
        assert ask(server.http, radius=0.25)[0] == 200


def test_bodies_have_limits():
    with Server("--max-body", "16MiB") as server:
        status, body, _ = send(server.http, "/v2/models/drs/infer", b" " * (16 * 2**20 + 1000))
        assert status == 413 and b"16777216 bytes" in body
        assert ask(server.http, radius=0.25)[0] == 200


def test_slow_and_half_closed_senders_cost_nothing():
    with Server("--patience", "1") as server:
        host, port = server.http.split(":")
        connect = lambda: socket.create_connection((host, int(port)), timeout=20)
        slow_head, slow_body, half = connect(), connect(), connect()
        slow_head.sendall(b"POST /v2/models/drs/infer HTTP/1.1\r\nHost: localhost\r\n")
        slow_body.sendall(head("/v2/models/drs/infer", 1000) + b"{")
        half.sendall(head("/v2/models/drs/infer", 1000) + b"{")
        half.shutdown(socket.SHUT_WR)
        assert ask(server.http, radius=0.25)[0] == 200
        assert b"408" in slow_body.recv(4096)
        # Closed, with a word or without: never held.
        for one in (slow_head, half):
            while one.recv(4096):
                pass
