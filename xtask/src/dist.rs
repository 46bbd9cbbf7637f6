//! `cargo xtask dist`: an archive of drs for people without Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, cargo, printed, root, run, target};

/// The plugins in it. `torch` is bound to one libtorch: who wants it builds it.
const PLUGINS: [&str; 2] = ["onnx", "ort"];
/// What is copied as it is: the example of the README, what it links to, the index of pools, and the terms.
const ALONG: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "RESULTS.md",
    "docs",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "examples/fashion-mnist",
    "index",
];
/// Shells, and what their completions are called.
const SHELLS: [(&str, &str); 3] = [("bash", "drs"), ("zsh", "_drs"), ("fish", "drs.fish")];
const SUMS: &str = "SHA256SUMS";

/// `cargo xtask dist [--target TRIPLE] [--key FILE]`: the archive, its checksum, and its signature.
pub(crate) fn dist(rest: &[String]) -> Outcome {
    let (mut triple, mut key) = (None, None);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--target" => &mut triple,
            "--key" => &mut key,
            _ => return Err(format!("{word}: expected --target TRIPLE or --key FILE")),
        };
        *place = Some(words.next().ok_or_else(|| format!("{word}: expected a value"))?.clone());
    }
    let host = host()?;
    let triple = triple.unwrap_or_else(|| host.clone());
    let built = build(&triple, triple != host)?;
    // Pages and completions are made by a drs that runs here.
    let drs = match triple == host {
        true => built.join("drs"),
        false => build(&host, false)?.join("drs"),
    };
    let name = format!("drs-{}-{triple}", version()?);
    let out = target().join("dist");
    stage(&out.join(&name), &built, &drs)?;
    pack(&out, &name)?;
    let archive = format!("{name}.tar.gz");
    let sum = printed(Command::new("sha256sum").arg(&archive).current_dir(&out))?;
    add_sum(&out.join(SUMS), &archive, &sum)?;
    if let Some(key) = key {
        let key = root().join(key);
        run(Command::new(drs).args(["expert", "sign", "--key"]).arg(key).arg(out.join(SUMS)))?;
    }
    println!("{}", out.join(archive).display());
    Ok(())
}

/// Builds drs and its plugins, into which folder.
fn build(triple: &str, is_cross: bool) -> Result<PathBuf, String> {
    let mut args = vec!["build", "--release", "--locked", "--package=drs-smoothing"];
    let packages = PLUGINS.map(|plugin| format!("--package=drs-expert-{plugin}"));
    args.extend(packages.iter().map(String::as_str));
    if !is_cross {
        cargo(&args, &[])?;
        return Ok(target().join("release"));
    }
    args.extend(["--target", triple]);
    cargo(&args, &[]).map_err(|problem| {
        format!(
            "{problem}\nfor {triple}: rustup target add {triple}, and a C compiler and linker for it \
             (Debian: gcc-aarch64-linux-gnu, with CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc)"
        )
    })?;
    Ok(target().join(triple).join("release"))
}

/// The folder that is packed.
fn stage(folder: &Path, built: &Path, drs: &Path) -> Outcome {
    let problem = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(problem(folder))?;
    }
    let completions = folder.join("completions");
    std::fs::create_dir_all(&completions).map_err(problem(&completions))?;
    let libraries = PLUGINS.map(|plugin| format!("libdrs_expert_{plugin}.so"));
    for file in std::iter::once("drs").chain(libraries.iter().map(String::as_str)) {
        let from = built.join(file);
        std::fs::copy(&from, folder.join(file)).map_err(problem(&from))?;
    }
    for along in ALONG {
        let to = folder.join(along);
        let parent = to.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(problem(parent))?;
        run(Command::new("cp").arg("-r").arg(root().join(along)).arg(to))?;
    }
    for (shell, file) in SHELLS {
        let script = printed(Command::new(drs).args(["completions", shell]))?;
        let file = completions.join(file);
        std::fs::write(&file, script + "\n").map_err(problem(&file))?;
    }
    printed(Command::new(drs).arg("man").arg(folder.join("man/man1")))?;
    Ok(())
}

/// The same files give the same bytes.
fn pack(out: &Path, name: &str) -> Outcome {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip -9n", "-cf"]);
    run(tar.arg(format!("{name}.tar.gz")).arg(name).current_dir(out))
}

/// Puts the sum of an archive among those of other platforms.
fn add_sum(sums: &Path, archive: &str, sum: &str) -> Outcome {
    let earlier = std::fs::read_to_string(sums).unwrap_or_default();
    let others = earlier.lines().filter(|line| !line.ends_with(archive));
    let mut lines: Vec<&str> = others.chain([sum]).collect();
    lines.sort_unstable();
    std::fs::write(sums, lines.join("\n") + "\n")
        .map_err(|error| format!("{}: {error}", sums.display()))
}

/// The platform that this runs on.
fn host() -> Result<String, String> {
    let told = printed(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV tells no host".to_owned())
}

/// The version of drs.
fn version() -> Result<String, String> {
    let told = printed(
        Command::new("cargo").args(["pkgid", "--package=drs-smoothing"]).current_dir(root()),
    )?;
    told.rsplit(['#', '@']).next().map(str::to_owned).ok_or_else(|| format!("{told}: no version"))
}
