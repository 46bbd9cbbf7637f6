//! `drs train join`: a router and an expert in one network.
//!
//! The network has one class for each pair of an expert and a class, `expert/class`, with
//! the sum of the two logits, so that the largest pair is the pair of the largest. As
//! the router's part of a pool it costs nothing: `[router] shares = "…"` in experts.toml.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use drs_architectures::HEAD;
use drs_checkpoint::Checkpoint;
use drs_progress::out;
use tch::{Device, Kind, Tensor};

use crate::export::{self, SHAPE};
use crate::network::{Mode, Network, cast};
use crate::run::write_model;

/// What to join.
#[derive(Debug, Clone)]
pub struct Join {
    /// The expert: a checkpoint of a known architecture.
    pub expert: PathBuf,
    /// Its architecture, where the file does not tell.
    pub arch: Option<String>,
    /// Names of its classes, where the file does not tell.
    pub classes: Option<Vec<String>>,
    /// The router's part.
    pub router: Part,
    /// The file to write.
    pub out: PathBuf,
}

/// The router's part of a joint network.
#[derive(Debug, Clone)]
pub enum Part {
    /// A router trained from the expert's weights, its last layer only.
    Head(PathBuf),
    /// The expert's own confidence, the largest of its softmax: each threshold that it is
    /// above leads to the next expert.
    Thresholds {
        /// Rising.
        thresholds: Vec<f64>,
        /// One more than thresholds.
        experts: Vec<String>,
        /// Channels, height and width of inputs, where the file does not tell.
        shape: Option<[usize; 3]>,
    },
}

/// Writes the joint network: a checkpoint (`.safetensors`) for a trained head,
/// TorchScript (`.pt`) for thresholds.
///
/// # Errors
/// If a file cannot be read or written, or the two do not belong together.
pub fn join(join: &Join) -> anyhow::Result<()> {
    let checkpoint = drs_checkpoint::read(&join.expert)?;
    let expert = Network::frozen(&checkpoint, join.arch.as_deref(), Device::Cpu)
        .with_context(|| join.expert.display().to_string())?;
    let classes = join.classes.clone().or_else(|| names(&checkpoint));
    if let Some(classes) = &classes {
        let (found, expected) = (classes.len(), expert.classes());
        ensure!(found == expected, "{found} class names for {expected} classes");
    }
    match &join.router {
        Part::Head(path) => {
            ensure!(
                join.out.extension().is_some_and(|extension| extension == "safetensors"),
                "{}: expected a file that ends in .safetensors",
                join.out.display()
            );
            head(&checkpoint, &expert, classes, path, &join.out)
        }
        Part::Thresholds { thresholds, experts, shape } => {
            let rising = thresholds.is_sorted_by(|a, b| a < b);
            ensure!(
                rising
                    && !thresholds.is_empty()
                    && thresholds.iter().all(|t| (0.0..1.0).contains(t)),
                "thresholds: {thresholds:?} found, expected rising numbers from 0 to below 1"
            );
            let (found, expected) = (experts.len(), thresholds.len() + 1);
            ensure!(
                found == expected,
                "{found} experts found, expected {expected}, one more than thresholds"
            );
            let classes = classes.with_context(|| {
                format!("{}: it does not name its classes: --classes", join.expert.display())
            })?;
            let shape = shape.or_else(|| export::shape(&checkpoint));
            let shape = shape.with_context(|| {
                format!(
                    "{}: it does not tell the shape of its inputs: --shape 3,32,32",
                    join.expert.display()
                )
            })?;
            let forward =
                |inputs: &Tensor| confident(&expert.forward(inputs, Mode::Eval), thresholds);
            export::trace(forward, shape, &join.out)?;
            let text = |names: Vec<String>| {
                let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                quoted.join(", ")
            };
            out!("classes = [{}]", text(pairs(experts, &classes)))?;
            Ok(())
        }
    }
}

/// The classes of a joint network, in order.
pub(crate) fn pairs(experts: &[String], classes: &[String]) -> Vec<String> {
    let pair = |expert: &String, class: &String| format!("{expert}/{class}");
    experts.iter().flat_map(|expert| classes.iter().map(move |class| pair(expert, class))).collect()
}

fn names(checkpoint: &Checkpoint) -> Option<Vec<String>> {
    let text = checkpoint.metadata.get("drs.classes")?;
    Some(text.split(',').map(str::to_owned).collect())
}

fn head(
    checkpoint: &Checkpoint,
    expert: &Network,
    classes: Option<Vec<String>>,
    path: &Path,
    out: &Path,
) -> anyhow::Result<()> {
    let second = drs_checkpoint::read(path)?;
    let router = Network::frozen(&second, None, Device::Cpu);
    let router = router.with_context(|| path.display().to_string())?;
    let (own, routers) = (expert.normalisation(), router.normalisation());
    ensure!(
        own == routers,
        "{}: it normalises inputs by {routers:?}, the expert by {own:?} (mean, std): they share one network",
        path.display()
    );
    for (name, tensor) in expert.tensors() {
        let same = router.tensors().get(name).is_some_and(|other| {
            name.starts_with(HEAD) || (tensor.size() == other.size() && tensor.equal(other))
        });
        ensure!(
            same,
            "{}: {name} is not the expert's: expected a router that was trained with init = EXPERT and freeze = true",
            path.display()
        );
    }
    let note = |key: &str| second.metadata.get(key).cloned();
    let experts = names(&second)
        .with_context(|| format!("{}: it does not name its classes", path.display()))?;
    let numbered = || (0..expert.classes()).map(|class| class.to_string()).collect();
    let classes = classes.unwrap_or_else(numbered);
    let (own, sigma) = (checkpoint.metadata.get("drs.sigma"), note("drs.sigma"));
    if let (Some(own), Some(routers)) = (own, &sigma) {
        ensure!(
            own.parse::<f64>().ok() == routers.parse::<f64>().ok(),
            "{}: its sigma is {routers}, the expert's {own}: they share their noise",
            path.display()
        );
    }
    let mut joint =
        Network::new(expert.architecture(), experts.len() * classes.len(), Device::Cpu, 0);
    joint.normalise(expert.normalisation().clone())?;
    joint.freeze_all();
    tch::no_grad(|| {
        for (name, tensor) in joint.tensors() {
            let (a, b) = (&router.tensors()[name], &expert.tensors()[name]);
            let value = if name.starts_with(HEAD) {
                (a.unsqueeze(1) + b.unsqueeze(0)).flatten(0, 1)
            } else {
                b.shallow_clone()
            };
            tensor.shallow_clone().copy_(&value);
        }
    });
    let mut notes =
        BTreeMap::from([("drs.classes".to_owned(), pairs(&experts, &classes).join(","))]);
    notes.extend(own.cloned().or(sigma).map(|sigma| ("drs.sigma".to_owned(), sigma)));
    let shape = checkpoint.metadata.get(SHAPE).cloned().or_else(|| note(SHAPE));
    notes.extend(shape.map(|shape| (SHAPE.to_owned(), shape)));
    write_model(out, &joint, notes)
}

/// Joint logits by thresholds on the largest softmax.
///
/// Numbers, and no tensors beside the logits, whose device would be recorded with them.
fn confident(logits: &Tensor, thresholds: &[f64]) -> Tensor {
    let largest = logits.softmax(-1, Kind::Float).amax([-1i64].as_slice(), true);
    let above: Vec<Tensor> = thresholds.iter().map(|&threshold| largest.gt(threshold)).collect();
    let passed = Tensor::cat(&above, -1).sum_dim_intlist(-1, true, Kind::Float);
    let routes: Vec<Tensor> =
        (0..=thresholds.len()).map(|expert| -(&passed - expert as f64).abs()).collect();
    let route = Tensor::cat(&routes, -1);
    (route.unsqueeze(2) + cast(logits, Kind::Float).unsqueeze(1)).flatten(1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest softmax: 1/2, then nearly 1, then about 0.73.
    const LOGITS: [f32; 6] = [0.0, 0.0, 9.0, 0.0, 0.0, 1.0];
    /// Expert 0 and class 0; expert 2 and class 0; expert 1 and class 1.
    const JOINT: [i64; 3] = [0, 4, 3];

    const THRESHOLDS: [f64; 2] = [0.6, 0.9];

    #[test]
    fn thresholds_lead_from_expert_to_expert() {
        let logits = Tensor::from_slice(&LOGITS).reshape([3, 2]);
        let joint = confident(&logits, &THRESHOLDS).argmax(-1, false);
        assert_eq!(Vec::<i64>::try_from(joint).unwrap(), JOINT);
    }

    #[test]
    fn thresholds_are_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("joint.pt");
        let inputs = Tensor::from_slice(&LOGITS).reshape([3, 1, 1, 2]);
        let logits = |inputs: &Tensor| inputs.flatten(1, -1);
        let joint = |inputs: &Tensor| confident(&logits(inputs), &THRESHOLDS);
        export::trace(joint, [1, 1, 2], &out).unwrap();
        let joint = tch::CModule::load(&out).unwrap().forward_ts(&[&inputs]).unwrap();
        assert_eq!(Vec::<i64>::try_from(joint.argmax(-1, false)).unwrap(), JOINT);
    }
}
