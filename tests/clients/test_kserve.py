"""kserve's clients, by REST and by gRPC."""

import asyncio

import numpy as np
import pytest
from conftest import IMAGES, routed
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from PIL import Image


def pixels(path):
    return np.asarray(Image.open(path))[None, None]


def request_of(array, datatype, binary):
    tensor = InferInput("image", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest("drs", [tensor], request_id="my id", parameters={"seed": 11, "radius": "0.5"})


def check(response, verdict):
    told = {output.name: output.as_numpy() for output in response.outputs}
    assert response.id == "my id" and response.model_name == "drs"
    assert told["radius"].tolist() == [verdict["radius"]]
    assert told["class"].tolist() == [-1 if verdict["class"] is None else verdict["class"]]


@pytest.mark.parametrize("binary", [False, True])
def test_rest(server, binary):
    async def ask():
        base = f"http://{server.http}"
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            assert await client.is_server_live(base) and await client.is_server_ready(base)
            assert await client.is_model_ready(base, "drs") and not await client.is_model_ready(base, "nothing")
            for path in IMAGES[:3]:
                verdict = routed(path, "--seed", "11", "--radius", "0.5")["certificate"]["verdict"]
                check(await client.infer(base, request_of(pixels(path), "UINT8", binary), model_name="drs"), verdict)
            with pytest.raises(Exception, match="400|404"):
                await client.infer(base, request_of(pixels(IMAGES[0])[:, :, :5], "UINT8", binary), model_name="drs")

    asyncio.run(ask())


@pytest.mark.parametrize("binary", [False, True])
def test_grpc(server, binary):
    async def ask():
        async with InferenceGRPCClient(server.grpc) as client:
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("s100")
            for path in IMAGES[:3]:
                verdict = routed(path, "--seed", "11", "--radius", "0.5")["certificate"]["verdict"]
                check(await client.infer(request_of(pixels(path), "UINT8", binary)), verdict)
            with pytest.raises(Exception, match="no model nothing"):
                await client.is_model_ready("nothing")

    asyncio.run(ask())
