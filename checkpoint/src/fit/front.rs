//! What stands before a network: a normalisation layer, as far as the file tells.

use std::collections::BTreeMap;

use crate::Tensor;
use crate::error::shown;

use super::Needs;
use super::aside::is_aside;
use super::place::{Stands, shared, stands};

/// What stands before a network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Front {
    /// Layers of a sequence that come before the network and have no tensors, as the number
    /// in the network's prefix tells.
    unwritten: usize,
    /// The network's prefix.
    prefix: String,
    buffers: Option<Buffers>,
}

/// A normalisation whose numbers are in the file.
#[derive(Debug, Clone, PartialEq)]
struct Buffers {
    names: [String; 2],
    mean: Vec<f32>,
    spread: Vec<f32>,
    kind: Spread,
}

/// What the second of the two numbers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Deviation,
    Variance,
    /// The name does not tell.
    Unclear,
}

/// How the field calls the two.
const NAMES: [(&str, &str, Spread); 17] = [
    ("mean", "std", Spread::Deviation),
    ("mean", "sd", Spread::Deviation),
    ("mean", "sigma", Spread::Deviation),
    ("mean", "stdev", Spread::Deviation),
    ("means", "stds", Spread::Deviation),
    ("means", "sds", Spread::Deviation),
    ("mu", "sigma", Spread::Deviation),
    ("mu", "std", Spread::Deviation),
    ("m", "s", Spread::Deviation),
    ("_mean", "_std", Spread::Deviation),
    ("new_mean", "new_std", Spread::Deviation),
    ("image_mean", "image_std", Spread::Deviation),
    ("pixel_mean", "pixel_std", Spread::Deviation),
    ("mean", "var", Spread::Variance),
    ("mean", "variance", Spread::Variance),
    ("mu", "var", Spread::Variance),
    ("m", "v", Spread::Unclear),
];

/// From here on a number is a deviation and no variance: pixels in [0, 1] whose variance is
/// this have a deviation of 0.39, more than images of any kind.
const SURELY_DEVIATION: f32 = 0.15;

/// Numbers that were written with three decimals may differ by so much.
const SAME: f32 = 6e-4;

/// Per channel, of pixels in \[0, 1\].
pub type MeanAndDeviation = (Vec<f32>, Vec<f32>);

impl Front {
    /// The normalisation of the network's inputs, if there is one, as mean and standard
    /// deviation per channel of pixels in \[0, 1\]: from the file's numbers, or
    /// what is `usual` for the network where the file tells of a layer without numbers.
    /// What is `given` must not contradict the file's numbers.
    ///
    /// # Errors
    /// If it does, or what stands before the network cannot be told.
    pub fn normalisation(
        &self,
        usual: (&[f32], &[f32]),
        given: Option<(&[f32], &[f32])>,
    ) -> Result<Option<MeanAndDeviation>, String> {
        let owned = |(mean, std): (&[f32], &[f32])| (mean.to_vec(), std.to_vec());
        match (&self.buffers, given, self.unwritten) {
            (Some(buffers), Some(given), _) => {
                buffers.agree(given)?;
                Ok(Some(owned(given)))
            }
            (None, Some(given), _) => Ok(Some(owned(given))),
            (Some(buffers), None, 0) => buffers.normalisation().map(Some),
            (None, None, 0) => Ok(None),
            (None, None, 1) => Ok(Some(owned(usual))),
            (_, None, layers) => Err(format!(
                "names that begin with {} tell of {layers} layers without tensors before the network: what they do is not in the file; give mean and std in the config (0 and 1 per channel for none)",
                shown(&self.prefix)
            )),
        }
    }

    /// Whether both do the same.
    pub(super) fn does_as(&self, other: &Self) -> bool {
        let numbers = |front: &Self| {
            let buffers = front.buffers.as_ref();
            buffers.map(|it| (it.mean.clone(), it.spread.clone(), it.kind))
        };
        self.unwritten == other.unwritten && numbers(self) == numbers(other)
    }

    /// What the user should be told.
    pub(super) fn note(&self) -> Option<String> {
        let buffers = self.buffers.as_ref()?;
        let [mean, spread] = &buffers.names;
        let kind = match buffers.kind {
            Spread::Variance => "variance",
            Spread::Deviation | Spread::Unclear => "standard deviation",
        };
        Some(format!(
            "the model's inputs are normalised by what the file has for it: {mean} ({:?}) as mean, {spread} ({:?}) as {kind}",
            buffers.mean, buffers.spread
        ))
    }
}

impl Buffers {
    /// Read as deviations.
    fn std(&self) -> Vec<f32> {
        match self.kind {
            Spread::Variance => self.spread.iter().map(|spread| spread.sqrt()).collect(),
            Spread::Deviation | Spread::Unclear => self.spread.clone(),
        }
    }

    fn normalisation(&self) -> Result<(Vec<f32>, Vec<f32>), String> {
        let [mean_name, spread_name] = &self.names;
        let (mean, std) = (self.mean.clone(), self.std());
        let shown = format!("{mean_name} is {mean:?} and {spread_name} is {:?}", self.spread);
        let positive = std.iter().all(|std| std.is_normal() && *std > 0.0);
        if !positive || mean.iter().any(|mean| !mean.is_finite() || *mean < 0.0) {
            return Err(format!(
                "{shown}, expected means from 0 to 1 and deviations above 0; if this is no normalisation of pixels in [0, 1], export the model as TorchScript"
            ));
        }
        if mean.iter().chain(&std).any(|value| *value > 1.0) {
            let by = |values: &[f32]| values.iter().map(|v| v / 255.0).collect::<Vec<f32>>();
            return Err(format!(
                "{shown}, expected means and deviations of pixels in [0, 1]; if the model takes pixels from 0 to 255, write mean = {:?} and std = {:?} into the config",
                by(&mean),
                by(&std)
            ));
        }
        if self.kind == Spread::Unclear && std.iter().any(|std| *std < SURELY_DEVIATION) {
            return Err(format!(
                "{shown}: the second may be deviations or variances; write mean and std into the config"
            ));
        }
        Ok((mean, std))
    }

    /// Whether the file's numbers are these, as they are or for pixels from 0 to 255.
    fn agree(&self, (mean, std): (&[f32], &[f32])) -> Result<(), String> {
        let is = |values: &[f32], given: &[f32], scale: f32| {
            values.len() == given.len()
                && values.iter().zip(given).all(|(a, b)| (a / scale - b).abs() <= SAME)
        };
        let root: Vec<f32> = self.spread.iter().map(|spread| spread.sqrt()).collect();
        let agrees = [1.0, 255.0].into_iter().any(|scale| {
            let spread = match self.kind {
                Spread::Variance => is(&root, std, scale),
                Spread::Deviation => is(&self.spread, std, scale),
                Spread::Unclear => is(&self.spread, std, scale) || is(&root, std, scale),
            };
            is(&self.mean, mean, scale) && spread
        });
        if agrees {
            return Ok(());
        }
        let [mean_name, spread_name] = &self.names;
        Err(format!(
            "mean = {mean:?} and std = {std:?} found in the config, but the file has {mean_name} = {:?} and {spread_name} = {:?}: leave mean and std out to take the file's",
            self.mean, self.spread
        ))
    }
}

/// Two tensors of a normalisation layer, by where they are.
struct Layer<'a> {
    /// Empty, or with a dot at the end.
    place: &'a str,
    names: [String; 2],
    kind: Spread,
}

/// All normalisation layers of a set.
fn layers<'a>(all: &'a BTreeMap<String, Tensor>, needs: Needs<'_>) -> Vec<Layer<'a>> {
    let mut layers = Vec::new();
    for name in all.keys() {
        let start = name.rfind('.').map_or(0, |dot| dot + 1);
        let (place, tail) = name.split_at(start);
        if is_aside(name) {
            continue;
        }
        let pairs = NAMES.iter().filter(|(mean, ..)| *mean == tail);
        for (mean, spread, kind) in pairs {
            let names = [mean, spread].map(|tail| format!("{place}{tail}"));
            if names.iter().all(|name| values(all, name, needs.channels).is_some()) {
                layers.push(Layer { place, names, kind: *kind });
                break;
            }
        }
    }
    layers
}

/// The names of the layers that stand before a network under one of the prefixes.
pub(super) fn names(
    all: &BTreeMap<String, Tensor>,
    prefixes: &[&str],
    needs: Needs<'_>,
) -> Vec<String> {
    let before = |layer: &Layer<'_>| {
        prefixes.iter().any(|prefix| stands(layer.place, prefix, needs) == Stands::Before)
    };
    layers(all, needs).into_iter().filter(before).flat_map(|layer| layer.names).collect()
}

/// A number per channel, or one for all.
fn values(all: &BTreeMap<String, Tensor>, name: &str, channels: usize) -> Option<Vec<f32>> {
    let tensor = all.get(name)?;
    let sizes: Vec<usize> = tensor.shape().to_vec();
    let values = match sizes.as_slice() {
        sizes if sizes.len() <= 4 && sizes.iter().all(|size| *size == 1) => {
            vec![*tensor.to_f32().ok()?.first()?; channels]
        }
        [found] | [1, found] | [found, 1, 1] | [1, found, 1, 1] if *found == channels => {
            tensor.to_f32().ok()?
        }
        _ => return None,
    };
    Some(values)
}

/// What stands before the network under each of the prefixes.
pub(super) fn find(
    all: &BTreeMap<String, Tensor>,
    prefixes: &[&str],
    needs: Needs<'_>,
) -> Vec<Result<Front, String>> {
    let layers = layers(all, needs);
    // How near a layer is to the network that it stands before.
    let near = |layer: &Layer<'_>, prefix: &str| {
        let stands = stands(layer.place, prefix, needs);
        (stands == Stands::Before).then(|| shared(layer.place, prefix))
    };
    // A layer belongs to the network that it is nearest to.
    let nearest =
        |layer: &Layer<'_>| prefixes.iter().filter_map(|prefix| near(layer, prefix)).max();
    let is_near = |layer: &Layer<'_>, prefix: &str| {
        near(layer, prefix).is_some_and(|near| Some(near) == nearest(layer))
    };
    // Of several that are as near, to those that have none nearer, if there are any.
    let has_nearer = |layer: &Layer<'_>, prefix: &str| {
        let mut own = layers.iter().filter(|other| is_near(other, prefix));
        own.any(|other| near(other, prefix) > near(layer, prefix))
    };
    let belongs = |layer: &Layer<'_>, prefix: &str| {
        let mut others = prefixes.iter().filter(|other| is_near(layer, other));
        is_near(layer, prefix)
            && (!has_nearer(layer, prefix) || others.all(|other| has_nearer(layer, other)))
    };
    let front = |prefix: &&str| {
        let behind = |layer: &&Layer<'_>| stands(layer.place, prefix, needs) == Stands::Behind;
        if let Some(layer) = layers.iter().find(behind) {
            return Err(format!(
                "{} and {} belong to a layer behind the network, which is under {}: a certificate of the network alone would be of another model; export the whole model as TorchScript or ONNX",
                layer.names[0], layer.names[1], prefix
            ));
        }
        let mut own = layers.iter().filter(|layer| belongs(layer, prefix));
        let buffers = match (own.next(), own.next()) {
            (None, _) => None,
            (Some(layer), None) => Some(buffers(all, layer, needs.channels)),
            (Some(first), Some(second)) => {
                return Err(format!(
                    "{} and {} tell of two normalisation layers before the network, expected one; export the model as TorchScript",
                    first.names[0], second.names[0]
                ));
            }
        };
        Ok(Front { unwritten: unwritten(all, prefix), prefix: (*prefix).to_owned(), buffers })
    };
    prefixes.iter().map(front).collect()
}

fn buffers(all: &BTreeMap<String, Tensor>, layer: &Layer<'_>, channels: usize) -> Buffers {
    let [mean, spread] = layer.names.each_ref().map(|name| {
        // There, or it would be no layer.
        values(all, name, channels).unwrap_or_default()
    });
    Buffers { names: layer.names.clone(), mean, spread, kind: layer.kind }
}

/// Layers that come before, by their number, and have no tensors.
fn unwritten(all: &BTreeMap<String, Tensor>, prefix: &str) -> usize {
    let mut layers = 0;
    let mut start = 0;
    for module in prefix.split_terminator('.') {
        if let Ok(number) = module.parse::<usize>() {
            let before = |layer: &usize| {
                let place = format!("{}{layer}.", &prefix[..start]);
                let mut from = all.range(place.clone()..);
                !from.next().is_some_and(|(name, _)| name.starts_with(&place))
            };
            // More would be no sequence that anyone builds.
            layers += (0..number.min(64)).filter(before).count();
        }
        start += module.len() + 1;
    }
    layers
}
