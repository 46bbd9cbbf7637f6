//! Tests and benchmarks on CUDA, on a machine that may have no Rust.
//!
//! `prepare` packs what they need into one folder; `run`, from the packed copy
//! of this program, uses the libtorch of that machine's PyTorch.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, command, root, run, target, with_libtorch};

/// What the folder holds, beside this program.
const PLUGIN: &str = "libdrs_expert_torch.so";
const TESTS: &str = "torch-tests";
/// Scripts, with the folder they are in here and there.
const SCRIPTS: [&str; 2] = ["bench/torch_experts.py", "experts/torch/tests/models/networks.py"];

/// `cargo xtask gpu [prepare | run]`; without either, both.
pub(crate) fn gpu(rest: &[String]) -> Outcome {
    match rest.first().map(String::as_str) {
        Some("prepare") => prepare().map(|folder| {
            println!("packed: carry {} and run there: drs-xtask gpu run", folder.display());
        }),
        Some("run") => execute(),
        Some(other) => Err(format!("gpu {other}: expected prepare or run")),
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
    with_libtorch(
        &["build", "--release", "--package", "drs", "--package", "drs-expert-torch"],
        &[],
    )?;
    let tests = test_binary()?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let packed = [
        (own, "drs-xtask"),
        (release.join("drs"), "drs"),
        (release.join(PLUGIN), PLUGIN),
        (tests, TESTS),
    ];
    let scripts = SCRIPTS.map(|script| (root().join(script), script));
    let models = root().join("experts/torch/tests/models");
    for (from, to) in packed.into_iter().chain(scripts) {
        copy(&from, &folder.join(to))?;
    }
    let entries = std::fs::read_dir(&models).map_err(|e| format!("{}: {e}", models.display()))?;
    for entry in entries.flatten() {
        copy(&entry.path(), &folder.join("experts/torch/tests/models").join(entry.file_name()))?;
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

/// Tests, then benchmarks, from the packed folder.
fn execute() -> Outcome {
    if !present() {
        println!("SKIPPED: no GPU here (/dev/nvidia0 is missing); nothing was run on CUDA");
        return Ok(());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().ok_or("this program has no folder")?;
    let libraries = libraries()?;
    let prepared = |program: &str| {
        let mut command = Command::new(folder.join(program));
        command.env("LD_LIBRARY_PATH", &libraries).current_dir(folder);
        command
    };
    println!("== tests on cuda");
    let models = folder.join("experts/torch/tests/models");
    run(prepared(TESTS).env("DRS_TEST_DEVICE", "cuda").env("DRS_TEST_MODELS", &models))?;
    println!("== benchmarks on cuda");
    let mut bench = Command::new("python3");
    bench.arg(folder.join(SCRIPTS[0])).args(["--device", "cuda", "--drs"]).arg(folder.join("drs"));
    bench.args(["--out"]).arg(folder.join("out")).args(["cifar_resnet20", "cifar_resnet110"]);
    bench.env("LD_LIBRARY_PATH", &libraries);
    run(&mut bench)
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

fn copy(from: &Path, to: &Path) -> Outcome {
    let failed = |error: std::io::Error| format!("{} to {}: {error}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if from.is_file() {
        std::fs::copy(from, to).map_err(failed)?;
    }
    Ok(())
}
