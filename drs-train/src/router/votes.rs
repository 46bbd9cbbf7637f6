//! How a router votes.

use tch::{Device, Kind};

use crate::images::{Augment, Images, random};
use crate::network::{Mode, Network};

/// Inputs at a time.
const BATCH: usize = 500;

/// Votes by input and expert, as shares of so many `draws` at noise level `sigma`;
/// always the same.
pub(crate) fn shares(
    network: &Network,
    images: &Images,
    sigma: f64,
    draws: usize,
) -> Vec<Vec<f64>> {
    let places: Vec<usize> = (0..images.len()).collect();
    let mut shares = Vec::with_capacity(images.len());
    tch::manual_seed(0);
    for batch in places.chunks(BATCH) {
        let inputs =
            images.batch(batch, Augment::default(), &mut random(0, 0, 0), network.device());
        let mut counts = vec![vec![0.0; network.classes()]; batch.len()];
        for _ in 0..draws {
            let noisy = &inputs + inputs.randn_like() * sigma;
            let votes = tch::no_grad(|| network.forward(&noisy, Mode::Eval)).argmax(-1, false);
            let mut votes_here = vec![0i64; batch.len()];
            votes
                .to_device(Device::Cpu)
                .to_kind(Kind::Int64)
                .copy_data(&mut votes_here, batch.len());
            for (counts, vote) in counts.iter_mut().zip(votes_here) {
                counts[usize::try_from(vote).unwrap_or(0)] += 1.0 / draws as f64;
            }
        }
        shares.extend(counts);
    }
    shares
}
