//! The Python package: its wheel, and its tests; and tests of the server, whose clients are in Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, cargo, command, copy, ort_library, root, run, target};

/// What builds wheels.
const MATURIN: &str = "maturin==1.16.0";
/// The plugins that the wheel holds.
const PLUGINS: [&str; 2] = ["onnx", "ort"];
/// What the tests need, of which all is found on PyPI.
const NEEDED: [&str; 10] = [
    "pytest==9.0.1",
    "numpy",
    "onnx",
    "onnxruntime==1.32.0",
    "pandas",
    "scipy",
    "tqdm",
    "matplotlib",
    "mypy",
    // Builds wheels that carry packages, offline.
    "setuptools>=77",
];
/// Clients of inference servers.
const CLIENTS: [&str; 7] = [
    "pytest==9.0.1",
    "numpy",
    "pillow",
    "tritonclient[grpc,http]==2.73.0",
    "kserve==0.21.0",
    "opentelemetry-proto",
    "playwright",
];
/// What the tests with PyTorch need besides: 5 GB.
const WITH_TORCH: [&str; 5] = [
    "torch==2.11.0",
    "torchvision==0.26.0",
    "adversarial-robustness-toolbox==1.20.1",
    "scikit-learn",
    "statsmodels",
];

/// `cargo xtask wheel`: builds the wheel and prints its path.
pub(crate) fn wheel() -> Outcome {
    let packages = PLUGINS.map(|plugin| format!("--package=drs-expert-{plugin}"));
    cargo(&["build", "--release"], &packages)?;
    place_plugins("release")?;
    let maturin = environment("wheel", &[MATURIN])?.join("bin/maturin");
    let out = target().join("wheels");
    let mut build = Command::new(maturin);
    build.args(["build", "--release", "--out"]).arg(&out).current_dir(package());
    run(&mut build)
}

/// `cargo xtask python [--torch] [ARGUMENTS…]`: the package's tests, with arguments of pytest.
pub(crate) fn tests(rest: &[String]) -> Outcome {
    let (torch, rest) = match rest.split_first() {
        Some((first, rest)) if first == "--torch" => (true, rest),
        _ => (false, rest),
    };
    let packages = ["drs-python", "drs-expert-onnx", "drs-expert-ort"];
    cargo(&["build"], &packages.map(|package| format!("--package={package}")))?;
    place_plugins("debug")?;
    let module = package().join("package/drs_smoothing/_drs.abi3.so");
    replace(&target().join("debug/lib_drs.so"), &module)?;
    let (name, needed) = match torch {
        true => ("tests-torch", [&NEEDED[..], &WITH_TORCH].concat()),
        false => ("tests", NEEDED.to_vec()),
    };
    let python = environment(name, &needed)?.join("bin/python");
    let mut tests = Command::new(&python);
    tests.args(["-m", "pytest", "-q", "-ra"]).args(rest).current_dir(package().join("tests"));
    tests.env("PYTHONPATH", package().join("package")).env("ORT_DYLIB_PATH", ort_library()?);
    run(&mut tests)?;
    if !torch {
        println!(
            "SKIPPED: what needs PyTorch; `cargo xtask python --torch` runs it (5 GB, fetched once)"
        );
    }
    let examples = ["export", "quantise", "submitit_certify"];
    let mut types = Command::new(&python);
    types.args(["-m", "mypy", "package/drs_smoothing"]).current_dir(package());
    run(types.args(examples.map(|name| format!("../examples/python/{name}.py"))))
}

/// `cargo xtask clients [ARGUMENTS…]`: the server's tests, with arguments of pytest.
pub(crate) fn clients(rest: &[String]) -> Outcome {
    let packages =
        ["drs-smoothing", "drs-expert-onnx", "drs-expert-halfspace", "drs-expert-misbehaving"];
    cargo(&["build"], &packages.map(|package| format!("--package={package}")))?;
    let python = environment("clients", &CLIENTS)?.join("bin/python");
    // Both clients bring the messages of the protocol: one process cannot have them twice.
    const ONE: [&str; 6] = [
        "test_triton.py",
        "test_server.py",
        "test_limits.py",
        "test_malformed.py",
        "test_page.py",
        "test_index.py",
    ];
    for files in [&ONE[..], &["test_kserve.py"]] {
        let mut tests = Command::new(&python);
        tests.args(["-m", "pytest", "-q", "-ra"]).args(files).args(rest);
        tests.current_dir(root().join("tests/clients"));
        run(tests.env("DRS", target().join("debug/drs")))?;
    }
    Ok(())
}

/// Whether this machine has a Python that makes virtual environments.
pub(crate) fn is_there() -> bool {
    let asked = Command::new("python3").args(["-c", "import venv, ensurepip"]).status();
    asked.is_ok_and(|status| status.success())
}

fn package() -> PathBuf {
    root().join("python")
}

/// Puts the plugins where the package looks for them.
fn place_plugins(profile: &str) -> Outcome {
    let to = package().join("package/drs_smoothing/plugins");
    for plugin in PLUGINS {
        let library = format!("libdrs_expert_{plugin}.so");
        replace(&target().join(profile).join(&library), &to.join(&library))?;
    }
    Ok(())
}

/// Puts a file in the place of another. Whoever has that one open keeps it.
fn replace(from: &Path, to: &Path) -> Outcome {
    let new = to.with_extension("new");
    copy(from, &new)?;
    std::fs::rename(&new, to).map_err(|error| format!("{}: {error}", to.display()))
}

/// A virtual environment with these packages, in the user's cache; made when it is first needed,
/// and again where others are needed.
fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = cache()?.join("python").join(name);
    let done = folder.join(".drs-packages");
    let needed = packages.join("\n");
    if std::fs::read_to_string(&done).is_ok_and(|there| there == needed) {
        return Ok(folder);
    }
    println!("fetching Python packages into {}: {}", folder.display(), packages.join(", "));
    run(command("python3", &["-m", "venv", "--clear"], &[]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    std::fs::write(&done, needed).map_err(|error| format!("{}: {error}", done.display()))?;
    Ok(folder)
}

/// The user's cache.
fn cache() -> Result<PathBuf, String> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let own = folder("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || folder("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let found = own.or_else(usual).map(|cache| cache.join("drs"));
    found.ok_or_else(|| {
        "found no home folder to cache packages in: set HOME or XDG_CACHE_HOME".into()
    })
}
