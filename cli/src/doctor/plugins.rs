//! The program, the plugins that come with it, and what they load.

use std::path::{Path, PathBuf};

use drs_plugins_api::PluginInfo;
use drs_router::Program;

use super::check::Check;
use super::probe;
use crate::beside::{Beside, folder, plugins, trainer, version_of_trainer};
use crate::expert::Look;
use crate::version::VERSION;

/// How to get the libtorch that the torch plugin is built for, where Python is (docs/torch.md).
const LIBTORCH: &str = "pip install torch==2.11.0, then \
    export LD_LIBRARY_PATH=$(python3 -c 'import torch; print(torch.__path__[0])')/lib";

pub(super) fn checks() -> anyhow::Result<Vec<Check>> {
    let program = Program::this().map(|program| program.path().display().to_string());
    let mut checks = vec![match program {
        Ok(path) => Check::ok("drs", format!("{VERSION}, {path}")),
        Err(error) => Check::bad("drs", error.to_string(), "start drs by its whole path"),
    }];
    let plugins = plugins();
    let found = |name: &str| plugins.iter().find(|plugin| plugin.name == name);
    checks.extend(plugins.iter().map(plugin));
    let loads = |name: &str| info(found(name)).is_some();
    checks.push(onnx_runtime(drs_ort_library::find(), drs_ort_library::is_named(), loads("ort")));
    checks.extend(found("torch").and_then(libtorch));
    checks.push(training()?);
    Ok(checks)
}

fn info(plugin: Option<&Beside>) -> Option<&PluginInfo> {
    plugin?.seen.as_ref()?.1.told.as_ref().ok()
}

/// Whether a plugin is there, loads and, if it needs nothing else, opens a model.
fn plugin(plugin: &Beside) -> Check {
    let name = format!("plugin {}", plugin.name);
    let builds = if plugin.name == "torch" { "cargo xtask torch" } else { "cargo xtask build" };
    let Some((library, Look { told, .. })) = &plugin.seen else {
        let mend = format!("{builds} builds it; it must lie beside drs");
        return Check::none(&name, format!("not in {}", folder()), mend);
    };
    let library = library.display();
    match told {
        Ok(info) if plugin.name == "onnx" => match probe::open(plugin.name) {
            Ok(()) => Check::ok(&name, format!("{}, opens a model, {library}", info.version)),
            Err(problem) => Check::bad(&name, problem, mend(builds)),
        },
        Ok(info) => Check::ok(&name, format!("{}, {library}", info.version)),
        Err(problem) if plugin.name == "torch" && lacks_libtorch(problem) => {
            Check::none(&name, format!("{library} cannot load without libtorch"), LIBTORCH)
        }
        Err(problem) => Check::bad(&name, format!("it does not load: {problem}"), mend(builds)),
    }
}

/// For a library that is there and does not work.
fn mend(builds: &str) -> String {
    format!("take drs and its plugins from one version: {builds} builds both anew")
}

/// Whether the system's loader missed a library of libtorch, and nothing else is wrong.
fn lacks_libtorch(problem: &str) -> bool {
    let missing = problem.contains("cannot open shared object") || problem.contains("not loaded:");
    missing && ["libtorch", "libc10"].iter().any(|library| problem.contains(library))
}

/// The library that the ort plugin loads: where it is, and whether a model opens with it.
fn onnx_runtime(found: Result<PathBuf, String>, is_named: bool, has_plugin: bool) -> Check {
    const NAME: &str = "ONNX Runtime";
    const INSTALL: &str = "pip install onnxruntime, into the active Python environment";
    let variable = drs_ort_library::VARIABLE;
    let corrected =
        || format!("set {variable} to the library of ONNX Runtime 1.17 or newer, or unset it");
    match found {
        Err(problem) if is_named => Check::bad(NAME, problem, corrected()),
        Err(problem) => {
            let mend =
                format!("{INSTALL}; until then .onnx files are run by the slower plugin onnx");
            Check::none(NAME, problem, mend)
        }
        Ok(path) if !has_plugin => {
            let mend = "cargo xtask build builds the plugin ort; it must lie beside drs";
            Check::none(NAME, format!("{}, but there is no plugin ort", path.display()), mend)
        }
        Ok(path) => match probe::open("ort") {
            Ok(()) => {
                let (version, path) = (version(&path), path.display());
                Check::ok(NAME, format!("{version}opens a model, {path}"))
            }
            Err(problem) if is_named => Check::bad(NAME, problem, corrected()),
            Err(problem) => Check::bad(NAME, problem, format!("{INSTALL}, 1.17 or newer")),
        },
    }
}

/// The version in the name of the library, or of what the name stands for.
fn version(library: &Path) -> String {
    let names = [Some(library.to_owned()), library.canonicalize().ok()];
    let numbers = names.into_iter().flatten().find_map(|path| {
        let name = path.file_name()?.to_str()?.to_owned();
        let numbers = name.split_once(".so.").map(|(_, numbers)| numbers.to_owned());
        numbers.filter(|numbers| numbers.contains('.'))
    });
    numbers.map_or_else(String::new, |numbers| format!("{numbers}, "))
}

/// What the torch plugin loads; nothing is said where there is no such plugin.
fn libtorch(plugin: &Beside) -> Option<Check> {
    const NAME: &str = "libtorch";
    let (_, look) = plugin.seen.as_ref()?;
    Some(match &look.told {
        Ok(info) => {
            let runtime = info.native_runtime.as_ref();
            Check::ok(NAME, runtime.map_or_else(String::new, |runtime| runtime.version.clone()))
        }
        Err(problem) if lacks_libtorch(problem) => Check::none(NAME, problem.clone(), LIBTORCH),
        Err(_) => return None,
    })
}

/// Whether `drs train` can work.
fn training() -> anyhow::Result<Check> {
    const NAME: &str = "drs-train";
    let builds = "cargo xtask torch builds it; only drs train needs it";
    Ok(match trainer()? {
        None => Check::none(NAME, format!("not in {}", folder()), builds),
        Some(program) => match version_of_trainer(&program) {
            Ok(version) => Check::ok(NAME, format!("{version}, {}", program.display())),
            Err(problem) if lacks_libtorch(&problem) => Check::none(NAME, problem, LIBTORCH),
            Err(problem) => Check::bad(NAME, problem, mend("cargo xtask torch")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_missing_libtorch_is_told_from_a_broken_plugin() {
        let gone = "libtorch_cpu.so: cannot open shared object file: No such file or directory";
        assert!(lacks_libtorch(gone));
        assert!(!lacks_libtorch("libother.so: cannot open shared object file"));
        assert!(!lacks_libtorch("libtorch_cpu.so: undefined symbol"));
        let look = |problem: &str| Look { sha256: None, told: Err(problem.to_owned()) };
        let state = |name, problem| {
            let seen = Some((PathBuf::from("/lib.so"), look(problem)));
            plugin(&Beside { name, seen }).state
        };
        assert_eq!(state("torch", gone), State::None);
        assert_eq!(state("torch", "invalid ELF header"), State::Bad);
        assert_eq!(state("halfspace", gone), State::Bad);
        assert_eq!(plugin(&Beside { name: "torch", seen: None }).state, State::None);
    }

    #[test]
    fn a_runtime_that_was_named_must_be_there() {
        let missing = || Err("nowhere".to_owned());
        assert_eq!(onnx_runtime(missing(), false, true).state, State::None);
        assert_eq!(onnx_runtime(missing(), true, true).state, State::Bad);
        assert_eq!(onnx_runtime(Ok("/x.so".into()), false, false).state, State::None);
    }

    #[test]
    fn the_version_is_in_the_name() {
        assert_eq!(version(Path::new("/a/libonnxruntime.so.1.27.0")), "1.27.0, ");
        assert_eq!(version(Path::new("/a/libonnxruntime.so.1")), "");
        assert_eq!(version(Path::new("/a/onnxruntime.dll")), "");
    }
}
