"""tritonclient, by HTTP (JSON and binary) and by gRPC: every call that applies, and the answers of `drs route`."""

import json
import subprocess

import numpy as np
import pytest
import tritonclient.grpc as grpc
import tritonclient.http as http
from conftest import DRS, IMAGES, routed
from PIL import Image

MODELS = ["drs", "s025", "s050", "s100"]
OUTPUTS = ["class", "class_name", "radius", "expert", "route_radius", "abstained", "draws", "cut", "seed"]


def pixels(path):
    return np.asarray(Image.open(path))[None, None]


def client_of(kind, server):
    module = http if kind == "http" else grpc
    return module, module.InferenceServerClient(server.http if kind == "http" else server.grpc)


@pytest.fixture(params=["http", "grpc"])
def client(request, server):
    return client_of(request.param, server)


def image_input(module, array, datatype, **binary):
    tensor = module.InferInput("image", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, **binary)
    return tensor


def test_health_metadata_configuration_and_statistics(client):
    module, client = client
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("drs") and client.is_model_ready("s050", "1")
    as_json = {} if module is http else {"as_json": True}
    about = client.get_server_metadata(**as_json)
    assert about["name"] == "drs" and "binary_tensor_data" in about["extensions"]
    for name in MODELS:
        told = client.get_model_metadata(name, **as_json)
        assert told["name"] == name and told["versions"] == ["1"] and told["platform"] == "drs"
        assert [int(size) for size in told["inputs"][0]["shape"]] == [-1, 1, 28, 28]
        assert [output["name"] for output in told["outputs"]] == [*OUTPUTS, "certificate"]
        # Its messages of gRPC have no place for them.
        if module is http:
            digests = json.loads(told["properties"]["model.s050"])
            assert len(digests["files_sha256"]["s050.onnx"]) == 64
        config = client.get_model_config(name, **as_json)
        config = config.get("config", config)
        assert config["name"] == name and config["max_batch_size"] == 64
        assert config["input"][0]["data_type"] == "TYPE_UINT8"
    index = client.get_model_repository_index(**as_json)
    models = index if module is http else index["models"]
    assert [(model["name"], model["state"]) for model in models] == [(name, "READY") for name in MODELS]
    before = client.get_inference_statistics("drs", **as_json)["model_stats"][0]
    client.infer("drs", [image_input(module, pixels(IMAGES[1]), "UINT8")], parameters={"radius": 0.25} if module is http else {"radius": "0.25"})
    after = client.get_inference_statistics("drs", "1", **as_json)["model_stats"][0]
    count = lambda stats: int(stats.get("inference_count", 0))
    assert count(after) == count(before) + 1
    assert int(after["inference_stats"]["success"]["ns"]) > 0
    assert len(client.get_inference_statistics(**as_json)["model_stats"]) == len(MODELS)


@pytest.mark.parametrize("form", ["binary", "json"])
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_answers_are_those_of_drs_route(server, kind, form):
    module, client = client_of(kind, server)
    if kind == "grpc" and form == "json":
        pytest.skip("gRPC has no JSON")
    binary = {"binary_data": form == "binary"} if kind == "http" else {}
    for path in IMAGES[:4]:
        expected = routed(path, "--seed", "11", "--radius", "0.5")
        verdict = expected["certificate"]["verdict"]
        outputs = [module.InferRequestedOutput(name, **binary) for name in OUTPUTS]
        result = client.infer(
            "drs", [image_input(module, pixels(path), "UINT8", **binary)], outputs=outputs, request_id="my id",
            parameters={"seed": 11, "radius": 0.5 if kind == "http" else "0.5"},
        )
        response = result.get_response()
        assert (response["id"] if kind == "http" else response.id) == "my id"
        told = {name: result.as_numpy(name) for name in OUTPUTS}
        assert told["radius"].dtype == np.float64 and told["radius"].shape == (1,)
        assert told["radius"][0] == verdict["radius"]
        assert told["class"][0] == (-1 if verdict["class"] is None else verdict["class"])
        text = lambda name: told[name][0].decode() if isinstance(told[name][0], bytes) else told[name][0]
        assert text("class_name") == (expected["class"] or "")
        assert text("expert") == (expected["expert"] or "")
        assert told["route_radius"][0] == verdict["route_radius"]
        assert told["abstained"][0] == (verdict["class"] is None) and not told["cut"][0]
        assert told["draws"][0] == sum(sum(stage["looks"][-1]) for stage in expected["certificate"]["stages"])
        assert text("seed") == expected["certificate"]["provenance"]["seed"]


def test_batches_files_and_floats(client):
    module, client = client
    seed = {"seed": 3, "tol": 0.2} if module is http else {"seed": 3, "tol": "0.2"}
    paths = IMAGES[:3]
    expected = [routed(path, "--seed", "3", "--tol", "0.2")["certificate"]["verdict"]["radius"] for path in paths]
    batch = np.concatenate([pixels(path) for path in paths])
    files = np.array([path.read_bytes() for path in paths], dtype=np.object_)
    inputs = [image_input(module, batch, "UINT8"), image_input(module, files, "BYTES"), image_input(module, batch.astype(np.float32) / 255, "FP32")]
    radii = [client.infer("drs", [given], parameters=seed).as_numpy("radius") for given in inputs]
    assert radii[0].tolist() == expected and radii[1].tolist() == expected
    # Floats that were divided by 255 lie beside the lattice: that is taken off.
    assert max(expected) > 0 and all(0 < exact - near < 1e-5 or exact == 0 for exact, near in zip(expected, radii[2]))


def test_experts_are_models_and_certificates_verify(client, tmp_path):
    module, client = client
    expected = routed(IMAGES[2], "--seed", "7", "--method", "one:s050")["certificate"]["verdict"]
    outputs = [module.InferRequestedOutput(name) for name in ["certificate", "radius"]]
    result = client.infer("s050", [image_input(module, pixels(IMAGES[2]), "UINT8")], outputs=outputs, parameters={"seed": 7})
    assert result.as_numpy("radius")[0] == expected["radius"]
    record = tmp_path / "certificate.jsonl"
    record.write_bytes(result.as_numpy("certificate")[0] + b"\n")
    assert json.loads(record.read_text())["certificate"]["verdict"] == expected
    subprocess.run([DRS, "verify", str(record)], check=True, capture_output=True)


def test_mistakes_are_named(client):
    module, client = client
    good = image_input(module, pixels(IMAGES[0]), "UINT8")
    wrong = lambda array, datatype: image_input(module, array, datatype)
    cases = [
        ("nothing", [good], {}, "no model nothing here, expected one of drs, s025"),
        ("drs", [good], {"method": "best"}, "expected dual, set, maxmin"),
        ("s025", [good], {"method": "maxmin"}, "the model s025 is one:s025"),
        ("drs", [good], {"n": 0}, "expected 1 to"),
        ("drs", [good], {"n": 2_000_000}, "at most 1000000"),
        ("drs", [good], {"depth": 3}, "no such parameter"),
        ("drs", [good], {"alpha": "2"}, "alpha"),
        ("drs", [wrong(np.zeros((1, 3, 28, 28), np.uint8), "UINT8")], {}, "expected [count, 1, 28, 28]"),
        ("drs", [wrong(np.zeros((65, 1, 28, 28), np.uint8), "UINT8")], {}, "1 to 64 images"),
        ("drs", [wrong(np.full((1, 1, 28, 28), 2, np.float32), "FP32")], {}, "outside [0, 1]: divide pixels by 255"),
        ("drs", [wrong(np.zeros((1, 1, 28, 28), np.int64), "INT64")], {}, "expected UINT8, FP32 or BYTES"),
        ("drs", [wrong(np.array([b"no image"], dtype=np.object_), "BYTES")], {}, "expected"),
    ]
    for model, inputs, parameters, words in cases:
        with pytest.raises(Exception, match=".") as failure:
            client.infer(model, inputs, parameters=parameters)
        assert words in str(failure.value), (model, parameters, str(failure.value))
    with pytest.raises(Exception, match="no such output"):
        client.infer("drs", [good], outputs=[module.InferRequestedOutput("logits")])
    with pytest.raises(Exception, match="no such version"):
        client.infer("drs", [good], model_version="2")


def test_a_message_of_many_entries_is_refused_before_it_is_read(server):
    import grpc as wire

    with wire.insecure_channel(server.grpc) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(wire.RpcError) as failure:
            infer(b"\x2a\x00" * 1_000_000)
        assert failure.value.code() == wire.StatusCode.INVALID_ARGUMENT and "64 entries" in failure.value.details()


def test_a_deadline_cuts_and_the_certificate_says_so(client, tmp_path):
    module, client = client
    outputs = [module.InferRequestedOutput(name) for name in ["certificate", "radius", "cut"]]
    result = client.infer(
        "drs", [image_input(module, pixels(IMAGES[1]), "UINT8")], outputs=outputs, parameters={"n": 1_000_000, "tol": "0.0", "deadline_ms": 5000}
    )
    assert result.as_numpy("cut")[0] and result.as_numpy("radius")[0] > 0
    record = tmp_path / "certificate.jsonl"
    record.write_bytes(result.as_numpy("certificate")[0] + b"\n")
    assert json.loads(record.read_text())["certificate"]["cut"] is True
    subprocess.run([DRS, "verify", str(record)], check=True, capture_output=True)
