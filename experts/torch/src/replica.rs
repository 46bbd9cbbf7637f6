//! The model on one device.

use std::sync::atomic::{AtomicUsize, Ordering};

use drs_plugins_api::{Batch, Draws, Error};
use tch::{Device, Tensor};

use crate::draw::DeviceNoise;
use crate::lane::{Lane, Lanes};
use crate::network::Network;
use crate::{signed, votes};

/// What inputs are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    /// Channels, height, width.
    pub(crate) shape: [usize; 3],
    /// Steps of the lattice between 0 and 1.
    pub(crate) levels: u16,
}

/// A network on its device, with all that a call needs there.
pub(crate) struct Replica {
    network: Network,
    input: Input,
    noise: DeviceNoise,
    lanes: Lanes,
    calls: AtomicUsize,
}

impl Replica {
    pub(crate) fn new(network: Network, input: Input) -> Result<Self, Error> {
        let lanes = Lanes::new(network.device())?;
        Ok(Self {
            network,
            input,
            noise: DeviceNoise::default(),
            lanes,
            calls: AtomicUsize::new(0),
        })
    }

    pub(crate) fn device(&self) -> Device {
        self.network.device()
    }

    /// Gives up what calls left behind that are not like those to come.
    pub(crate) fn rest(&self) -> Result<(), Error> {
        self.lanes.rest()
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Votes of inputs that the host made noisy.
    pub(crate) fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        // All rows, with the padding: one batch size means one way to compute.
        self.counted(votes, batch.padded_rows(), |lane| lane.send(batch.padded()))
    }

    /// Votes of inputs that are made noisy here.
    pub(crate) fn draw(&self, draws: &Draws<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let noisy = |_: &mut Lane| self.noise.noisy_inputs(draws, self.network.device());
        self.counted(votes, draws.padded_rows(), noisy)
    }

    fn counted(
        &self,
        into: &mut [u32],
        rows: usize,
        lattice: impl FnOnce(&mut Lane) -> Result<Tensor, Error>,
    ) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let [channels, height, width] = self.input.shape.map(signed);
        let done = self.lanes.within(|lane| {
            let lattice = lattice(lane)?.reshape([signed(rows), channels, height, width]);
            let logits = self.network.logits(&lattice, self.input.levels)?;
            votes::count(&logits, into)
        });
        self.calls.fetch_sub(1, Ordering::Relaxed);
        done
    }
}
