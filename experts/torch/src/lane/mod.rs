//! How calls reach a device side by side.
//!
//! A GPU does the work of one stream in order. Were all calls on one stream, the copy of a batch
//! would wait for the network to finish the batch before. So each call has a lane: a stream, and
//! memory that the GPU reads without the processor (pinned memory), which then need not wait
//! for the copy.
//!
//! A call ends when its votes have come back on its stream. So in a lane that is free no copy is
//! under way, and its memory may be written to again. A lane whose call failed is not used again.

mod ffi;

use std::sync::{Mutex, PoisonError};

use drs_plugins_api::{Error, ErrorKind};
use tch::{Device, Kind, TchError, Tensor};

use crate::explain::device_error;
use crate::signed;
use ffi::Stream;

/// The lanes of one device, as many as there were calls at once.
pub(crate) struct Lanes {
    device: Device,
    free: Mutex<Vec<Lane>>,
}

/// One call's way to a device.
pub(crate) struct Lane {
    stream: Stream,
    memory: Memory,
}

impl Lanes {
    /// Waits for what was asked of the device so far: lanes do not.
    pub(crate) fn new(device: Device) -> Result<Self, Error> {
        ffi::wait(device).map_err(no_stream)?;
        Ok(Self { device, free: Mutex::default() })
    }

    /// Gives up free lanes, and the memory that their calls left on the device: libtorch keeps it for
    /// each stream.
    pub(crate) fn rest(&self) -> Result<(), Error> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if self.device.is_cuda() { ffi::trim().map_err(no_stream) } else { Ok(()) }
    }

    /// Does the work in a lane of its own.
    pub(crate) fn within<T>(
        &self,
        work: impl FnOnce(&mut Lane) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lane = match free {
            Some(lane) => lane,
            None => Lane::new(self.device).map_err(no_stream)?,
        };
        let entered = lane.stream.enter().map_err(no_stream)?;
        let done = work(&mut lane)?;
        drop(entered);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
        Ok(done)
    }
}

fn no_stream(problem: String) -> Error {
    Error::new(ErrorKind::Device, problem)
}

impl Lane {
    fn new(device: Device) -> Result<Self, String> {
        Ok(Self { stream: Stream::new(device)?, memory: Memory::new(device) })
    }

    /// The values as a tensor on the device.
    pub(crate) fn send(&mut self, values: &[i16]) -> Result<Tensor, Error> {
        self.memory.send(values).map_err(|error| device_error(&error))
    }
}

/// What batches go through.
struct Memory {
    device: Device,
    /// Pinned, as large as the batch before.
    pinned: Option<Tensor>,
}

impl Memory {
    fn new(device: Device) -> Self {
        Self { device, pinned: None }
    }

    fn send(&mut self, values: &[i16]) -> Result<Tensor, TchError> {
        if !self.device.is_cuda() {
            return Tensor::f_from_slice(values);
        }
        let device = self.device;
        self.through(values, |memory| memory.f_internal_pin_memory(device))
    }

    /// By way of memory that is kept; `pin` makes it the device's to read.
    fn through(
        &mut self,
        values: &[i16],
        pin: impl FnOnce(&Tensor) -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        let size = [signed(values.len())];
        // SAFETY: read in this function only, where the slice lives; the strides are those of
        // values one after another.
        let values = unsafe {
            Tensor::f_from_blob(values.as_ptr().cast(), &size, &[1], Kind::Int16, Device::Cpu)
        }?;
        let mut memory = match self.pinned.take() {
            Some(memory) if memory.size() == size => memory,
            _ => pin(&Tensor::f_empty(size, (Kind::Int16, Device::Cpu))?)?,
        };
        memory.f_copy_(&values)?;
        let sent = memory.f_to_device_(self.device, Kind::Int16, true, true)?;
        self.pinned = Some(memory);
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<i16> {
        Vec::try_from(tensor).unwrap()
    }

    #[test]
    fn what_is_sent_arrives_and_stays() {
        // On the processor, by way of memory that is kept: only the pinning is left out.
        let mut memory = Memory::new(Device::Cpu);
        let mut sent = Vec::new();
        let batches = [vec![1i16, -2, 3], vec![4, 5, -6], vec![7], vec![-8, 9, 10, 11]];
        for batch in &batches {
            sent.push(memory.through(batch, |memory| Ok(memory.shallow_clone())).unwrap());
        }
        let arrived: Vec<Vec<i16>> = sent.iter().map(values).collect();
        assert_eq!(arrived, batches);
    }

    #[test]
    fn a_call_has_a_lane_of_its_own_and_free_ones_are_used_again() {
        let lanes = Lanes::new(Device::Cpu).unwrap();
        let free = || lanes.free.lock().unwrap().len();
        let within = lanes.within(|_| lanes.within(|_| Ok(free()))).unwrap();
        assert_eq!((within, free()), (0, 2));
        let sent = lanes.within(|lane| lane.send(&[1, 2])).unwrap();
        assert_eq!((values(&sent), free()), (vec![1, 2], 2));
        lanes.rest().unwrap();
        assert_eq!(free(), 0);
    }

    #[test]
    fn a_lane_whose_call_failed_is_not_used_again() {
        let lanes = Lanes::new(Device::Cpu).unwrap();
        let failed = lanes.within(|_| Err::<(), _>(no_stream("torn".to_owned())));
        assert!(failed.is_err());
        assert_eq!(lanes.free.lock().unwrap().len(), 0);
    }
}
