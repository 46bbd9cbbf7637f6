//! Trained networks for other runtimes.

mod onnx;
mod proto;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use drs_checkpoint::Checkpoint;
use drs_run::whole;
use tch::{CModule, Device, Kind, Tensor};

use crate::network::{Mode, Network};

/// What to write.
#[derive(Debug, Clone)]
pub struct Export {
    /// A checkpoint of a known architecture.
    pub model: PathBuf,
    /// Its architecture, where the file does not tell.
    pub arch: Option<String>,
    /// Channels, height and width of inputs, where the file does not tell.
    pub shape: Option<[usize; 3]>,
    /// `.onnx` or `.pt`.
    pub out: PathBuf,
    /// Whether weights are kept in 16 bits each: ONNX alone.
    pub half: bool,
}

/// Writes a network as ONNX or TorchScript, by the ending of `out`.
///
/// # Errors
/// If the model cannot be read, its architecture or shape is not known, or the
/// file cannot be written.
pub fn export(export: &Export) -> anyhow::Result<()> {
    let checkpoint = drs_checkpoint::read(&export.model)?;
    let problem = || export.model.display().to_string();
    let network = Network::frozen(&checkpoint, export.arch.as_deref(), Device::Cpu);
    let network = network.with_context(problem)?;
    let shape = export.shape.or_else(|| shape(&checkpoint)).with_context(|| {
        format!("{}: it does not tell the shape of its inputs: --shape 3,32,32", problem())
    })?;
    let channels = network.architecture().channels();
    ensure!(shape[0] == channels, "{}: {channels} channels, not {}", problem(), shape[0]);
    let notes = checkpoint.metadata.into_iter().filter(|(key, _)| key.starts_with("drs."));
    match export.out.extension().and_then(|extension| extension.to_str()) {
        Some("onnx") => Ok(whole::write(
            &export.out,
            onnx::encode(&network, shape, &notes.collect(), export.half),
        )?),
        Some("pt") if export.half => {
            bail!("{}: --half is for .onnx alone", export.out.display())
        }
        Some("pt") => trace(|inputs| network.forward(inputs, Mode::Eval), shape, &export.out),
        _ => bail!("{}: expected a file that ends in .onnx or .pt", export.out.display()),
    }
}

/// The note that has the shape of the inputs.
pub const SHAPE: &str = "drs.shape";

/// The shape of the inputs, where the file tells.
pub(crate) fn shape(checkpoint: &Checkpoint) -> Option<[usize; 3]> {
    checkpoint.metadata.get(SHAPE).and_then(|text| parse_shape(text).ok())
}

/// Three numbers with commas or crosses between them.
///
/// # Errors
/// If the text is something else.
pub fn parse_shape(text: &str) -> Result<[usize; 3], String> {
    let sizes: Option<Vec<usize>> =
        text.split([',', 'x']).map(|size| size.trim().parse().ok()).collect();
    let shape = sizes.and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    shape.ok_or_else(|| format!("\"{text}\" found, expected channels, height and width: 3,32,32"))
}

/// How far a traced network's answers may be from the network's.
const TRACED: f64 = 1e-4;

/// Writes TorchScript, traced on one input; every layer takes any number of them.
///
/// Whatever tensor `network` needs beside its input must be made before: what is copied into one
/// while it is traced is not recorded, and a device on which one is made is. What was recorded is
/// compared on other inputs.
pub(crate) fn trace(
    network: impl Fn(&Tensor) -> Tensor,
    shape: [usize; 3],
    out: &Path,
) -> anyhow::Result<()> {
    let [channels, height, width] = shape.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let options = (Kind::Float, Device::Cpu);
    let input = Tensor::zeros([1, channels, height, width], options);
    let mut forward = |inputs: &[Tensor]| vec![network(&inputs[0])];
    let others = Tensor::rand([3, channels, height, width], options);
    let (module, off) = tch::no_grad(|| {
        let module = CModule::create_by_tracing("Network", "forward", &[input], &mut forward)?;
        let off = (module.forward_ts(&[&others])? - network(&others)).abs().max();
        anyhow::Ok((module, off.double_value(&[])))
    })?;
    ensure!(off <= TRACED, "{}: the traced network's answers are off by {off}", out.display());
    let folder = tempfile::tempdir().context("no temporary folder")?;
    // libtorch puts the file's name into the archive: the same one wherever `out` is.
    let made = folder.path().join("network.pt");
    module.save(&made).with_context(|| format!("cannot write {}", out.display()))?;
    let problem = || out.display().to_string();
    let bound = names_a_device(&made).with_context(problem)?;
    ensure!(!bound, "{}: the traced network runs on one device only", problem());
    Ok(whole::write(out, std::fs::read(&made).with_context(problem)?)?)
}

/// Whether the code of a TorchScript file says where to make a tensor.
fn names_a_device(path: &Path) -> anyhow::Result<bool> {
    let mut archive = zip::ZipArchive::new(File::open(path)?)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.name()?.ends_with(".py") {
            let mut code = String::new();
            entry.read_to_string(&mut code)?;
            if code.contains("torch.device(") {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(network: impl Fn(&Tensor) -> Tensor) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let made = trace(network, [1, 1, 2], &folder.path().join("network.pt"));
        made.map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_trace_cannot_record_is_refused() {
        let pair = || Tensor::from_slice(&[1f32, 2.0]);
        let before = pair();
        traced(|inputs| inputs.flatten(1, -1) + &before).unwrap();
        let lost = traced(|inputs| inputs.flatten(1, -1) + pair());
        assert!(lost.unwrap_err().contains("answers are off by"));
        let numbers = || Tensor::arange(2, (Kind::Float, Device::Cpu));
        let bound = traced(|inputs| inputs.flatten(1, -1) + numbers());
        assert!(bound.unwrap_err().contains("on one device only"));
    }
}
