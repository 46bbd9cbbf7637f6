//! Packages of AOTInductor (`.pt2`): networks that PyTorch compiled to native code.
//!
//! `archive.rs` reads the file, `takes.rs` what its code takes, `order.rs` puts
//! inputs so, `made_for.rs` which machine it was
//! made for, `ffi.rs` runs it, for as many calls at once as `slots.rs` has places.

mod archive;
mod checks;
mod ffi;
mod made_for;
mod order;
mod refusals;
mod slots;
mod takes;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use drs_plugins_api::{Error, ErrorKind};
use tch::{Device, IndexOp, Kind, Tensor};
use tempfile::TempDir;

use crate::explain::message;
use crate::signed;
use archive::Archive;
pub(crate) use checks::check_inputs;
use ffi::Code;
use order::Order;
use slots::Slots;
use takes::Takes;

/// A compiled network on one device.
pub(crate) struct Package {
    code: Code,
    /// What is loaded onto a device later.
    _kernels: Option<TempDir>,
    slots: Slots,
    kind: Kind,
    order: Order,
    /// The rows of every run.
    rows: usize,
}

/// A package's file, read and fit for inputs of a shape.
pub(crate) struct PackageFile {
    archive: Archive,
    /// What the package says of itself.
    pub(crate) metadata: BTreeMap<String, String>,
    code: Vec<u8>,
    kind: Kind,
    order: Order,
    rows: RangeInclusive<usize>,
}

impl PackageFile {
    pub(crate) fn read(path: &Path, shape: [usize; 3]) -> Result<Self, Error> {
        let mut archive = Archive::open(path)?;
        let metadata = archive.metadata()?;
        made_for::check_machine(&metadata)?;
        let source = archive.source()?;
        let takes = Takes::read(&source).ok_or_else(refusals::other_source)?;
        let (kind, order) = refusals::fitting(&takes, shape)?;
        let code = archive.code()?;
        checks::check(&code)?;
        Ok(Self { archive, metadata, code, kind, order, rows: takes.rows() })
    }

    /// How many inputs to a batch: what is asked for, or a number near the usual one.
    pub(crate) fn batch(&self, asked: Option<usize>, usual: usize) -> Result<usize, Error> {
        let (least, most) = (*self.rows.start(), *self.rows.end());
        match asked {
            None => Ok(usual.clamp(least, most)),
            Some(batch) if self.rows.contains(&batch) => Ok(batch),
            Some(batch) => Err(Error::new(
                ErrorKind::Config,
                format!(
                    "batch = {batch} found, but the package was compiled for batches of {}",
                    refusals::size(&self.rows)
                ),
            )
            .hint("leave batch out, or compile the package for other batches")),
        }
    }

    /// Loads the code onto a device, for so many calls at once.
    ///
    /// Every run then has `rows` rows: code for batches of any size may be right for some only,
    /// such as even ones, and does not tell.
    pub(crate) fn load(
        &mut self,
        device: Device,
        calls: usize,
        rows: usize,
    ) -> Result<Package, Error> {
        made_for::check_device(&self.metadata, device)?;
        drs_torch_device::open_libtorch()
            .map_err(|problem| Error::new(ErrorKind::Device, problem))?;
        let unpacked = self.archive.unpack(&self.code)?;
        let (kind, name) = match device {
            Device::Cuda(index) => ("cuda", format!("cuda:{index}")),
            _ => ("cpu", "cpu".to_owned()),
        };
        let code = Code::load(&unpacked.library, &unpacked.kernels, kind, &name, calls);
        let code = code.map_err(|problem| refusals::not_loaded(&problem, &unpacked.library))?;
        Ok(Package {
            code,
            _kernels: unpacked.loaded(),
            slots: Slots::new(calls),
            kind: self.kind,
            order: self.order,
            rows,
        })
    }
}

impl Package {
    /// The rows of every run.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The output for a batch of any number of rows.
    pub(crate) fn run(&self, pixels: &Tensor) -> Result<Tensor, String> {
        let (rows, most) = (pixels.size()[0], signed(self.rows));
        let failed = |error: tch::TchError| message(&error.to_string());
        let mut outputs = Vec::new();
        for start in (0..rows).step_by(self.rows) {
            let part = pixels.i(start..rows.min(start + most));
            let output = self.run_part(&part).map_err(failed)??;
            if !output.is_floating_point() {
                return Err(format!("its output is of type {:?}, expected floats", output.kind()));
            }
            outputs.push(output.f_to_kind(Kind::Float).map_err(failed)?);
        }
        Tensor::f_cat(&outputs, 0).map_err(failed)
    }

    /// Of no more rows than the code runs at once.
    fn run_part(&self, part: &Tensor) -> Result<Result<Tensor, String>, tch::TchError> {
        let (rows, all) = (part.size()[0], signed(self.rows));
        let mut input = part.f_to_kind(self.kind)?;
        if rows < all {
            // Rows like the last one. They are computed and not read.
            let last = input.f_narrow(0, rows - 1, 1)?;
            let more = last.f_expand([all - rows, -1, -1, -1], false)?;
            input = Tensor::f_cat(&[input, more], 0)?;
        }
        let input = self.order.arranged(&input)?;
        let output = match self.slots.within(|| self.code.run(&input)) {
            Ok(output) => output,
            Err(problem) => return Ok(Err(refusals::not_run(&problem, &input.size()))),
        };
        if output.size().first() != input.size().first() {
            let (found, taken) = (output.size(), input.size());
            return Ok(Err(format!(
                "an output of shape {found:?} for an input of shape {taken:?}: another batch may do"
            )));
        }
        output.f_narrow(0, 0, rows).map(Ok)
    }
}
