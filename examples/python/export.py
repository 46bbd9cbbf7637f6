#!/usr/bin/env python3
"""Makes a package (.pt2) of a PyTorch network: compiled by torch.export and AOTInductor.

    pip install torch==2.11.0        (and a C++ compiler, such as g++)
    python3 export.py networks.py:resnet20 --weights s025.pth --shape 3 32 32 \\
        --sigma 0.25 --classes 10 --out s025.pt2

The first argument names the function that builds the network, without arguments: in a file
(networks.py:resnet20) or a module (package.networks:resnet20). Or it is an exported program, as
torch.export.save writes it (s025-program.pt2).

The network takes [n, channels, height, width] floats in [0, 1] and answers with logits
[n, classes]. Its package is native code for the kind of processor or GPU at hand. In experts.toml:

    config = { kind = "export", model = "s025.pt2" }
"""

import argparse
import importlib
import importlib.util
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

MOST = 65_536


def built(name: str) -> Any:
    """What the function called `file.py:function` or `module:function` gives."""
    place, separator, function = name.rpartition(":")
    if not separator:
        raise SystemExit(f"{name}: expected file.py:function, module:function or a program of torch.export.save (.pt2)")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise SystemExit(f"{place}: no such file")
        sys.path.insert(0, str(Path(place).resolve().parent))
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, ".")
        module = importlib.import_module(place)
    if not hasattr(module, function):
        raise SystemExit(f"{place}: no function {function!r} found")
    network = getattr(module, function)()
    if not isinstance(network, torch.nn.Module):
        raise SystemExit(f"{name}: gives {type(network).__name__}, expected a torch.nn.Module")
    return network


def load(network: Any, path: Path) -> None:
    """Weights into a network, all of them."""
    if not path.is_file():
        raise SystemExit(f"{path}: no such file")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(weights.get("state_dict", weights))
    except Exception as error:
        raise SystemExit(f"{path}: {error}\nexpected a state dict of the network, or a dictionary with one as `state_dict`") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="file.py:function, module:function, or a .pt2 of torch.export.save")
    parser.add_argument("--weights", type=Path, help="a state dict, or a dictionary with one as `state_dict`")
    parser.add_argument("--shape", type=int, nargs=3, required=True, metavar=("C", "H", "W"), help="of one input")
    parser.add_argument("--sigma", type=float, required=True, help="the expert's noise level, in units of [0, 1]")
    parser.add_argument("--classes", required=True, help="how many, or their names: 10, or cat,dog")
    parser.add_argument("--batch", type=int, help="for batches of this size only; without it, of any size; of a program, the size that it has")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if not 0 < args.sigma < math.inf:
        parser.error(f"--sigma {args.sigma} found, expected a number above 0")
    if args.batch is not None and not 1 <= args.batch <= MOST:
        parser.error(f"--batch {args.batch} found, expected a number from 1 to {MOST}")
    if args.out.suffix != ".pt2" or not args.out.parent.is_dir():
        parser.error(f"--out {args.out} found, expected a name that ends in .pt2, in a folder that is there")
    is_program = args.network.endswith(".pt2")
    if is_program and args.weights:
        parser.error("--weights: found with a program, which has its own")

    # One call uses one core: drs makes as many calls at once as there are cores. The number is part
    # of the code.
    torch.set_num_threads(1)
    # PyTorch derives from the example for which batches its code is right: a usual size.
    example = torch.rand(args.batch or 64, *args.shape, device=args.device)
    if is_program:
        program = torch.export.load(args.network)
        network = program.module()
    else:
        network = built(args.network)
        if args.weights:
            load(network, args.weights)
        network = network.eval().to(args.device)
        batch = None if args.batch else ({0: torch.export.Dim("batch", min=1, max=MOST)},)
        try:
            with torch.no_grad():
                program = torch.export.export(network, (example,), dynamic_shapes=batch)
        except Exception as error:
            raise SystemExit(f"{args.network} cannot be exported: {error}\n--batch N exports it for batches of one size") from None
    try:
        with torch.no_grad():
            expected = network(example)
    except Exception as error:
        shape = list(example.shape)
        raise SystemExit(f"{args.network} does not take inputs of shape {shape}: {error}\n--batch N: of a program for batches of one size") from None
    if expected.ndim != 2:
        raise SystemExit(f"{args.network}: an output of shape {list(expected.shape)} found, expected [batch, classes]")
    outputs = expected.shape[1]
    names = [str(i) for i in range(int(args.classes))] if args.classes.isascii() and args.classes.isdigit() else args.classes.split(",")
    if len(names) != outputs:
        raise SystemExit(f"--classes: {len(names)} found, but the network has {outputs} outputs")

    options = {
        "aot_inductor.metadata": {"drs.sigma": json.dumps(args.sigma), "drs.classes": ",".join(names)},
        "cpp.threads": 1,
        # Weights are made ready when the network is compiled, not in every call.
        "freezing": True,
    }
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        # Moved when it is whole: a name that is taken keeps what it has until then.
        made = Path(folder) / args.out.name
        torch._inductor.aoti_compile_and_package(program, package_path=str(made), inductor_configs=options)
        found = torch._inductor.aoti_load_package(str(made))(example)
        difference = (found - expected).abs().max().item()
        scale = max(1.0, expected.abs().max().item())
        if not difference <= 1e-3 * scale:
            raise SystemExit(f"the package's logits differ from the network's by {difference}: it is not kept")
        args.out.write_bytes(made.read_bytes())
    print(f"{args.out}: {outputs} classes, sigma {args.sigma}, logits within {difference:.1e} of the network's")


if __name__ == "__main__":
    main()
