//! What files are that are no package, and what to do with them.

use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::ops::RangeInclusive;

use drs_plugins_api::Error;
use tch::Kind;
use zip::ZipArchive;

use super::order::Order;
use super::takes::Takes;
use crate::config::MOST_ROWS;
use crate::explain::model_error;

const EXPECTED: &str =
    "expected a package as torch._inductor.aoti_compile_and_package writes it (docs/torch.md)";

pub(super) fn archive<R: Read + Seek>(file: R) -> Result<ZipArchive<R>, Error> {
    // Told where the archive begins: guessing fails for some names.
    let config = zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) };
    ZipArchive::with_config(config, file).map_err(|error| {
        model_error(format!("no package, or a truncated one ({error}), {EXPECTED}"))
    })
}

/// The model of an archive that holds one.
pub(super) fn only_model<'a>(names: &[&str], models: &BTreeSet<&'a str>) -> Result<&'a str, Error> {
    let listed: Vec<&str> = models.iter().copied().collect();
    match *listed {
        [model] => Ok(model),
        [] => Err(without_model(names)),
        _ => Err(model_error(format!(
            "{} models found in the package ({}), expected one",
            listed.len(),
            listed.join(", ")
        ))
        .hint("make a package of each")),
    }
}

fn without_model(names: &[&str]) -> Error {
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    if has("/models/") {
        return model_error(format!("an exported program, which is not compiled, {EXPECTED}")).hint(
            "in Python: `torch._inductor.aoti_compile_and_package(torch.export.load(\"it.pt2\"), package_path=\"package.pt2\")`, or examples/python/export.py",
        );
    }
    if has("/constants.pkl") {
        return model_error(format!("a TorchScript file, {EXPECTED}"))
            .hint("use kind = \"torchscript\"");
    }
    if has("/data.pkl") {
        return model_error(format!("a checkpoint of torch.save, {EXPECTED}"))
            .hint("use kind = \"checkpoint\"");
    }
    model_error(format!("a zip archive without a compiled model, {EXPECTED}"))
}

pub(super) fn without_code() -> Error {
    model_error("the package holds sources, but no compiled code (.so)").hint(
        "compile it where it is made: without the options package_cpp_only and compile_standalone",
    )
}

pub(super) fn without_source(code: &str) -> Error {
    let message = format!("the source of {code} is not in the package");
    model_error(message)
        .hint("drs reads there what the code takes: keep the package as PyTorch writes it")
}

pub(super) fn other_source() -> Error {
    model_error("its source is not as PyTorch 2.11 writes it")
        .hint("compile the package with PyTorch 2.11")
}

/// The type of numbers and the order of the values that the code takes, if it is a classifier of
/// such inputs.
pub(super) fn fitting(takes: &Takes, shape: [usize; 3]) -> Result<(Kind, Order), Error> {
    if (takes.inputs, takes.outputs) != (1, 1) {
        let message = format!(
            "{} inputs and {} outputs found, expected one tensor of images and one of logits",
            takes.inputs, takes.outputs
        );
        return Err(model_error(message).hint("export a module that takes and gives one tensor"));
    }
    if !takes.has_weights {
        return Err(model_error("its weights are not in its code, expected to find them there")
            .hint("compile it without the option package_constants_in_so = False"));
    }
    if takes.needs_proxy {
        return Err(model_error("it has operators that AOTInductor does not compile").hint(
            "PyTorch warns of them where the package is made (\"missing a c-shim implementation\"): bring the model as TorchScript or ONNX",
        ));
    }
    let kind = match takes.dtype.as_deref() {
        Some("float32") => Kind::Float,
        Some("float16") => Kind::Half,
        Some("bfloat16") => Kind::BFloat16,
        Some("float64") => Kind::Double,
        found => {
            let found = found.unwrap_or("unknown");
            return Err(model_error(format!("its input is {found}, expected floats")).hint(
                "noisy pixels lie below 0 and above 255: export a model of floats in [0, 1], its own scaling behind them",
            ));
        }
    };
    if !takes.are_images(shape) {
        let told: Vec<String> = takes.dims.iter().map(size).collect();
        return Err(model_error(format!(
            "it takes inputs of shape [{}], expected [batch, {}, {}, {}]",
            told.join(", "),
            shape[0],
            shape[1],
            shape[2]
        ))
        .hint("see [input] in experts.toml; export with no dimension dynamic but the batch"));
    }
    let rows = takes.rows();
    if rows.is_empty() || *rows.start() > MOST_ROWS {
        return Err(model_error(format!(
            "it takes batches of {}, expected up to {MOST_ROWS}",
            size(&rows)
        )));
    }
    match takes.order(shape) {
        Some(order) => Ok((kind, order)),
        None => {
            Err(model_error("its input lies in memory neither channels first nor channels last")
                .hint("export with an example input that is contiguous"))
        }
    }
}

/// A size that the code takes, or several.
pub(super) fn size(told: &RangeInclusive<usize>) -> String {
    match (*told.start(), *told.end()) {
        (least, most) if least == most => least.to_string(),
        (0, usize::MAX) => "any".to_owned(),
        (least, usize::MAX) => format!("{least} or more"),
        (least, most) => format!("{least} to {most}"),
    }
}

/// Of code that the system or libtorch does not load.
pub(super) fn not_loaded(problem: &str, library: &str) -> Error {
    // The name of a temporary file says nothing to anyone.
    let problem = problem.replace(library, "its code");
    let error = model_error(format!("it cannot be loaded: {problem}"));
    if problem.contains("undefined symbol") || problem.contains("version `") {
        return error.hint(
            "it was compiled with another PyTorch: compile it with 2.11, whose libtorch this plugin runs",
        );
    }
    if problem.contains("failed to map segment") {
        return error.hint(
            "temporary files may not be run here: the variable TMPDIR names another folder for them",
        );
    }
    error
}

/// Of code that gives an error instead of an output.
pub(super) fn not_run(problem: &str, input: &[i64]) -> String {
    let refused = format!("its code refused a batch of shape {input:?}");
    if problem.starts_with("run_func_") {
        // libtorch's words for that; what the code says itself it writes elsewhere.
        return format!("{refused}; why is on the standard error output");
    }
    format!("{refused}: {problem}")
}
