"""Packages of AOTInductor for the tests, small enough to be kept.

They are native code for x86-64 with AVX2 (Haswell and later), on whatever machine they are made:
PyTorch asks its compiler for all that this machine has, the compiler here does not listen. What tests do not need is
left out: symbols, and the source of the kernels; and they are compressed, which PyTorch does not do.
"""

import os
import subprocess
import tempfile
import zipfile

import torch

METADATA = {"aot_inductor.metadata": {"drs.sigma": "0.25", "drs.classes": "0,1,2,3,4"}}
COMPILER = """#!/bin/sh
exec g++ $(printf '%s\\n' "$@" | sed 's/^-march=native$/-march=haswell/')
"""


def write(model, example, path, dynamic):
    """Compiles `model` for batches like `example`, or of any size if `dynamic`."""
    options = METADATA | {"cpp.threads": 1, "cpp.simdlen": 256}
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        compiler = os.path.join(folder, "g++-haswell")
        with open(compiler, "w") as file:
            file.write(COMPILER)
        os.chmod(compiler, 0o755)
        options["cpp.cxx"] = (None, compiler)
        program = exported(model, example, dynamic)
        whole = os.path.join(folder, os.path.basename(path))
        torch._inductor.aoti_compile_and_package(program, package_path=whole, inductor_configs=options)
        shrink(whole, path)


def write_for_cuda(model, example, path):
    """For batches of any size, whole."""
    with torch.no_grad():
        program = exported(model.cuda(), example.cuda(), dynamic=True)
        torch._inductor.aoti_compile_and_package(program, package_path=path, inductor_configs=METADATA)


def exported(model, example, dynamic):
    batch = ({0: torch.export.Dim("batch", min=1, max=65536)},) if dynamic else None
    return torch.export.export(model.eval(), (example,), dynamic_shapes=batch)


def shrink(whole, path):
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if ".kernel" in name:
                continue
            data = old.read(name)
            if name.endswith(".so"):
                data = stripped(data)
            # A date of its own, so that the same package is the same file.
            new.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)


def stripped(library):
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(library)
        file.flush()
        subprocess.run(["strip", "--strip-unneeded", file.name], check=True)
        with open(file.name, "rb") as short:
            return short.read()
