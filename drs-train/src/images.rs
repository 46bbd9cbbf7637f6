//! Data sets in memory, and batches of them.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use chacha20::ChaCha8Rng;
use drs_data::{Dataset, InputSpec};
use drs_progress::Bar;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Images and their labels, all in memory.
#[derive(Debug)]
pub struct Images {
    shape: [usize; 3],
    levels: f32,
    /// Multiples of the quantum.
    values: Vec<i16>,
    /// Classes by index.
    pub labels: Vec<i64>,
    /// Indices in the data set.
    pub indices: Vec<usize>,
}

/// Changes that leave the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Shifts by up to so many pixels; what comes in is black.
    pub shift: usize,
    /// Left and right may change places.
    pub flip: bool,
}

impl Images {
    /// Reads these inputs of a data set.
    ///
    /// # Errors
    /// If one cannot be read or has no label.
    pub fn read(data: &Dataset, spec: InputSpec, indices: Vec<usize>) -> anyhow::Result<Self> {
        let mut values = Vec::with_capacity(indices.len() * spec.shape.values());
        let mut labels = Vec::with_capacity(indices.len());
        let bar = Bar::over(indices.len(), "inputs read");
        for &index in &indices {
            let example = data.get(index)?;
            let label = example
                .label
                .with_context(|| format!("input {index} has no label: training needs labels"))?;
            labels.push(i64::try_from(label)?);
            values.extend_from_slice(example.input.values());
            bar.advance();
        }
        bar.finish();
        let levels = f32::from(spec.quantum.levels());
        Ok(Self { shape: spec.shape.dims(), levels, values, labels, indices })
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of classes that the labels need.
    ///
    /// # Errors
    /// If there are fewer than two, or one has no input.
    pub fn classes(&self) -> anyhow::Result<usize> {
        let found: BTreeSet<i64> = self.labels.iter().copied().collect();
        let most = found.last().copied().unwrap_or(0);
        ensure!(
            found.len() > 1,
            "all inputs have the label {most}: there is nothing to tell apart"
        );
        let empty = (0..most).find(|class| !found.contains(class));
        if let Some(class) = empty {
            bail!("no input has the label {class}, expected some of every class up to {most}");
        }
        Ok(usize::try_from(most)? + 1)
    }

    /// Labels of a batch.
    pub fn labels_of(&self, batch: &[usize], device: Device) -> Tensor {
        let labels: Vec<i64> = batch.iter().map(|&place| self.labels[place]).collect();
        Tensor::from_slice(&labels).to_device(device)
    }

    /// A batch by places, in [0, 1]; `random` decides how images are changed.
    pub fn batch(
        &self,
        batch: &[usize],
        augment: Augment,
        random: &mut ChaCha8Rng,
        device: Device,
    ) -> Tensor {
        let [channels, height, width] = self.shape;
        let size = channels * height * width;
        let mut out = vec![0i16; batch.len() * size];
        for (&place, out) in batch.iter().zip(out.chunks_exact_mut(size)) {
            let image = &self.values[place * size..(place + 1) * size];
            let reach = 2 * augment.shift + 1;
            let (dy, dx) = (random.random_range(0..reach), random.random_range(0..reach));
            let flipped = augment.flip && random.random::<bool>();
            if reach == 1 && !flipped {
                out.copy_from_slice(image);
                continue;
            }
            for (row, line) in out.chunks_exact_mut(width).enumerate() {
                let (plane, y) = (row / height, row % height + dy);
                // In the image with its border.
                if y < augment.shift || y >= height + augment.shift {
                    continue;
                }
                let from = (plane * height + y - augment.shift) * width;
                for (x, pixel) in line.iter_mut().enumerate() {
                    let x = if flipped { width - 1 - x } else { x } + dx;
                    if x >= augment.shift && x < width + augment.shift {
                        *pixel = image[from + x - augment.shift];
                    }
                }
            }
        }
        let dims = [batch.len(), channels, height, width].map(|n| i64::try_from(n).unwrap_or(0));
        let lattice = Tensor::from_slice(&out).reshape(dims).to_device(device);
        lattice.to_kind(Kind::Float) / f64::from(self.levels)
    }
}

/// Random numbers for one purpose at one time: the same wherever a run is continued.
#[must_use]
pub fn random(seed: u64, purpose: u64, time: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, number) in key.chunks_exact_mut(8).zip([seed, purpose, time, 0]) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// All places in the order of an epoch.
#[must_use]
pub fn order(len: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.shuffle(random);
    places
}
