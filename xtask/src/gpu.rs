//! Tests and benchmarks on CUDA, on a machine that may have no Rust.
//!
//! `prepare` packs what they need into one folder, as a checkout in which all is
//! built; `run` and `with`, from the packed copy of this program, use the libtorch
//! of that machine's PyTorch.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, command, copy, root, run, target, with_libtorch};

/// What is built into `target/release`, there as here.
const BUILT: [&str; 5] =
    ["drs", "drs-train", "drs-replay", "libdrs_expert_torch.so", "libdrs_expert_ort.so"];
const TESTS: &str = "torch-tests";
/// What the benchmarks run.
const NETWORKS: [&str; 3] = ["cifar_resnet20", "cifar_resnet110", "resnet50"];
/// What the tests, benchmarks and experiments need of the checkout.
const SOURCES: [&str; 4] = ["bench", "examples/fashion-mnist", "examples/python", MODELS];
const MODELS: &str = "experts/torch/tests/models";

/// `cargo xtask gpu [prepare | run OPTIONS… | with COMMAND…]`; without any, the first two.
pub(crate) fn gpu(rest: &[String]) -> Outcome {
    match rest.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("prepare", [])) => prepare().map(|folder| {
            println!("packed: carry {} and run there: drs-xtask gpu run", folder.display());
        }),
        Some(("run", options)) => execute(options),
        Some(("with", [program, rest @ ..])) => {
            let mut command = Command::new(program);
            run(command.args(rest).env("LD_LIBRARY_PATH", libraries()?))
        }
        Some((other, _)) => {
            Err(format!("gpu {other}: expected prepare, run [OPTIONS…] or with COMMAND…"))
        }
        None if !present() => {
            println!("SKIPPED: no GPU here (/dev/nvidia0 is missing); nothing was run on CUDA");
            Ok(())
        }
        None => {
            let folder = prepare()?;
            run(Command::new(folder.join("drs-xtask")).args(["gpu", "run"]))
        }
    }
}

/// Builds and packs into `target/gpu`.
fn prepare() -> Result<PathBuf, String> {
    let release = target().join("release");
    let folder = target().join("gpu");
    let packages =
        ["drs-smoothing", "drs-train", "drs-replay", "drs-expert-torch", "drs-expert-ort"];
    let packages = packages.map(|package| format!("--package={package}"));
    with_libtorch(&["build", "--release"], &packages)?;
    let tests = test_binary()?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    copy(&own, &folder.join("drs-xtask"))?;
    let there = folder.join("target/release");
    copy(&tests, &there.join(TESTS))?;
    for file in BUILT {
        copy(&release.join(file), &there.join(file))?;
    }
    for source in SOURCES {
        copy(&root().join(source), &folder.join(source))?;
    }
    Ok(folder)
}

/// The unit tests of the plugin, built.
fn test_binary() -> Result<PathBuf, String> {
    let args = ["test", "--release", "--no-run", "--package", "drs-expert-torch"];
    let mut build = command("cargo", &args, &["--message-format=json".to_owned()]);
    let build = build.env("LIBTORCH", crate::libtorch()?).stderr(Stdio::inherit());
    let output = build.output().map_err(|error| format!("cannot run {build:?}: {error}"))?;
    // One JSON object per line; only that of a test binary names an executable.
    let text = String::from_utf8_lossy(&output.stdout);
    let executable =
        text.lines().find_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    executable
        .map(PathBuf::from)
        .ok_or_else(|| "cargo built no tests of drs-expert-torch".to_owned())
}

/// Tests, then benchmarks with these options, from the packed folder.
fn execute(options: &[String]) -> Outcome {
    if !present() {
        println!("SKIPPED: no GPU here (/dev/nvidia0 is missing); nothing was run on CUDA");
        return Ok(());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().ok_or("this program has no folder")?;
    let release = folder.join("target/release");
    let libraries = libraries()?;
    let compiles = says_yes(
        "import shutil; from torch.utils.cpp_extension import CUDA_HOME; assert CUDA_HOME and shutil.which('g++')",
    );
    if compiles {
        println!("== packages for the tests, compiled for cuda");
        let mut packages = Command::new("python3");
        packages.arg(folder.join(MODELS).join("generate.py")).arg("--cuda");
        run(packages.arg(folder.join(MODELS).join("cuda")))?;
    } else {
        println!("SKIPPED: no CUDA toolkit, or no g++: packages, and compiled PyTorch");
    }
    println!("== tests on cuda");
    let mut tests = Command::new(release.join(TESTS));
    tests.env("DRS_TEST_DEVICE", "cuda").env("DRS_TEST_MODELS", folder.join(MODELS));
    run(tests.env("LD_LIBRARY_PATH", &libraries).current_dir(folder))?;
    println!("== benchmarks on cuda");
    let mut bench = Command::new("python3");
    bench.arg(folder.join("bench/torch_experts.py")).args(["--device", "cuda"]);
    if compiles {
        bench.arg("--compiled");
    }
    // Whether it has ONNX Runtime for CUDA, and can write models for it.
    if says_yes(
        "import onnx, onnxruntime as ort; assert 'CUDAExecutionProvider' in ort.get_available_providers()",
    ) {
        bench.arg("--onnx");
    } else {
        println!("SKIPPED: python3 has no onnx, or no onnxruntime-gpu: the plugin `ort`");
    }
    bench.arg("--out").arg(folder.join("out")).args(options).args(NETWORKS);
    run(bench.env("LD_LIBRARY_PATH", &libraries))
}

/// Whether that machine's Python runs these lines.
fn says_yes(lines: &str) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", lines]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Where that machine's libtorch is: `LIBTORCH`, or Python's PyTorch.
fn libraries() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("LIBTORCH") {
        return Ok(PathBuf::from(folder).join("lib"));
    }
    let ask = "import torch; assert torch.__version__.startswith('2.11.0'), torch.__version__; print(torch.__path__[0])";
    let mut python = Command::new("python3");
    let output = python.args(["-c", ask]).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot run {python:?}: {error}"))?;
    if !output.status.success() {
        return Err("python3 has no PyTorch 2.11.0, and LIBTORCH is not set".to_owned());
    }
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("lib"))
}

fn present() -> bool {
    Path::new("/dev/nvidia0").exists()
}
