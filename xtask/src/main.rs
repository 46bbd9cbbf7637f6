#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "for whoever builds the project: nothing is lost by a panic"
)]
//! `cargo xtask COMMAND`: what people and the continuous integration run.

mod dist;
mod gpu;
mod publish;
mod python;
mod sizes;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const HELP: &str = "\
cargo xtask COMMAND

  demo      build drs and its plugins, then route and certify the shipped images
  build     build drs and its plugins into target/release, all but torch
  torch     build the torch plugin and drs-train into target/release
  libtorch  provide libtorch and print its folder: $LIBTORCH, or one fetched
            into the user's cache (--cpu or --cuda; the latter where a GPU is)
  ort       provide the library of ONNX Runtime, which the plugin `ort` loads, and
            print its path: $ORT_DYLIB_PATH, or one fetched into the user's cache
  test      run all tests, those of the Python package and of `drs serve` too
  python    the tests of the Python package alone; `python --torch` those that
            need PyTorch too (5 GB of packages in the user's cache, fetched once)
  clients   `drs serve` asked by the clients of other people: tritonclient and kserve
  wheel     build the wheel of the Python package into target/wheels
  check     formatting, lengths of files, circles of imports, the picture of the
            crates, clippy and docs with warnings denied, `drs` without its
            features, then what `package` and `semver` do
  dist      an archive of drs and its plugins for people without Rust, with a
            checksum, in target/dist; --target TRIPLE, --key FILE to sign
  package   pack every published crate and build it from its archive
  semver    compare the plugin interface with the released one; builds
            cargo-semver-checks into the user's cache, once
  picture   draw the crates anew, for ARCHITECTURE.md
  bench     the benchmarks of drs-core
  gpu       tests and benchmarks on CUDA; `gpu prepare` packs them, with all that
            experiments need, for a machine that has a GPU and PyTorch but no
            Rust: `drs-xtask gpu run` there, `drs-xtask gpu with COMMAND…`

torch, test and check fetch libtorch (0.5 GB) where it is not there yet, test
ONNX Runtime (28 MB) and packages for Python (1 GB) too.
Further arguments go to the command that runs: `cargo xtask test -- maxmin`,
`cargo xtask demo --n 10000`.";

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "demo" => demo(&rest),
        "build" => cargo(&["build", "--release"], &rest),
        "torch" => with_libtorch(&TORCH, &rest),
        "libtorch" => cargo(&RUNTIMES, &rest),
        "ort" => cargo(&[&RUNTIMES[..], &["--onnxruntime"]].concat(), &rest),
        "test" => test(&rest),
        "check" => check(),
        "gpu" => gpu::gpu(&rest),
        "dist" => dist::dist(&rest),
        "package" => publish::packages(),
        "picture" => picture(&[]),
        "semver" => publish::semver(),
        "wheel" => python::wheel(),
        "python" => python::tests(&rest),
        "clients" => python::clients(&rest),
        "bench" => cargo(&["bench", "--package", "drs-smoothing-core"], &rest),
        _ => Err(HELP.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Outcome {
    cargo(&["fmt", "--all", "--check"], &[])?;
    sizes::check(&root())?;
    cargo(&["run", "--quiet", "--package", "drs-imports"], &[])?;
    picture(&["--check"])?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    with_libtorch(&clippy, &[])?;
    lean()?;
    let mut docs = command("cargo", &["doc", "--workspace", "--no-deps"], &[]);
    run(docs.env("RUSTDOCFLAGS", "--deny warnings").env("LIBTORCH", libtorch()?))?;
    publish::semver()?;
    publish::packages()
}

/// Whether `drs` without its features builds, and without all that the network needs.
fn lean() -> Outcome {
    const OF_THE_NETWORK: [&str; 5] = ["axum", "drs-serve", "tokio", "tonic", "ureq"];
    let lean = ["--package", "drs-smoothing", "--no-default-features"];
    cargo(&[&["check", "--quiet"][..], &lean].concat(), &[])?;
    let tree = [&["tree", "--edges", "normal", "--prefix", "none"][..], &lean].concat();
    let linked = printed(&mut command("cargo", &tree, &[]))?;
    let names = linked.lines().filter_map(|line| line.split(' ').next());
    match names.into_iter().find(|name| OF_THE_NETWORK.contains(name)) {
        Some(name) => {
            Err(format!("drs --no-default-features links {name}, which only its features need"))
        }
        None => Ok(()),
    }
}

/// The picture of the crates in ARCHITECTURE.md.
fn picture(how: &[&str]) -> Outcome {
    let args = ["run", "--quiet", "--package", "drs-picture", "--", "docs/crates.svg"];
    cargo(&[&args[..], how].concat(), &[])
}

/// All tests, with both runtimes.
fn test(rest: &[String]) -> Outcome {
    let mut tests = command("cargo", &["test", "--workspace"], rest);
    run(tests.env("ORT_DYLIB_PATH", ort_library()?).env("LIBTORCH", libtorch()?))?;
    // A filter names tests in Rust.
    if !rest.is_empty() {
        return Ok(());
    }
    if !python::is_there() {
        println!(
            "SKIPPED: the tests of the Python package and of drs serve: python3 with the module venv is missing"
        );
        return Ok(());
    }
    python::tests(&[])?;
    python::clients(&[])
}

/// The library of ONNX Runtime, fetched if need be.
fn ort_library() -> Result<String, String> {
    printed(&mut command("cargo", &RUNTIMES, &["--onnxruntime".to_owned()]))
}

/// What links libtorch and users run.
const TORCH: [&str; 6] =
    ["build", "--release", "--package", "drs-expert-torch", "--package", "drs-train"];

/// Runs the crate that fetches runtimes: apart from this one, so that commands
/// that need none need not build what fetches them.
const RUNTIMES: [&str; 5] = ["run", "--quiet", "--package", "drs-runtimes", "--"];

/// The folder of libtorch, fetched if need be.
fn libtorch() -> Result<String, String> {
    printed(&mut command("cargo", &RUNTIMES, &[]))
}

/// What a command prints, without the blanks around it.
fn printed(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("failed ({}): {command:?}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs cargo on what links libtorch.
fn with_libtorch(args: &[&str], rest: &[String]) -> Outcome {
    run(command("cargo", args, rest).env("LIBTORCH", libtorch()?))
}

/// Routes and certifies the images of the shipped example.
fn demo(rest: &[String]) -> Outcome {
    cargo(&["build", "--release"], &[])?;
    let example = root().join("examples/fashion-mnist");
    let folder = example.join("images");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut images: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    images.sort();
    // Paths from the root, so that the table stays narrow.
    let local = |path: &Path| path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut args = vec!["route".to_owned(), "--experts".to_owned()];
    args.push(local(&example.join("experts.toml")));
    args.extend(["--n", "2000", "--seed", "1"].map(str::to_owned));
    args.extend(rest.iter().cloned());
    args.extend(images.iter().map(|path| local(path)));
    let drs = target().join("release").join(format!("drs{}", std::env::consts::EXE_SUFFIX));
    run(Command::new(drs).args(args).current_dir(root()))
}

fn cargo(args: &[&str], rest: &[String]) -> Outcome {
    run(&mut command("cargo", args, rest))
}

fn command(program: &str, args: &[&str], rest: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(args).args(rest).current_dir(root());
    command
}

fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed ({status}): {command:?}")) }
}

/// Where cargo builds.
fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Outcome {
    let failed = |error: std::io::Error| format!("{} to {}: {error}", from.display(), to.display());
    if from.is_dir() {
        for entry in std::fs::read_dir(from).map_err(failed)?.flatten() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::copy(from, to).map(drop).map_err(failed)
}
