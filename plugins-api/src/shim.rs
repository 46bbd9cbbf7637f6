//! From the safe trait to the ABI: what [`export_expert!`](crate::export_expert) expands to.
//!
//! Panics end here, as errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RErr, ROk, RResult, RSlice, RSliceMut, RString};

use crate::abi::{
    AbiError, AbiExpert, AbiExpert_TO, AbiNoiseTable, AbiSegment, ExpertObject, OpenRequest,
    PluginModule, PluginModuleRef,
};
use crate::batch::Batch;
use crate::draws::{Draws, NoiseTable, Segment};
use crate::error::{Error, ErrorKind};
use crate::manifest::PluginInfo;
use crate::plugin::{Context, Plugin};

/// The root module of plugin `P`.
#[must_use]
pub fn module<P: Plugin>(about: extern "C" fn() -> RString) -> PluginModuleRef {
    PluginModule { about, open: open::<P>, files: files::<P> }.leak_into_prefix()
}

/// The root module of plugin `P` without a library around it, for tests.
///
/// Each call leaks a few bytes, as modules live as long as the process.
#[must_use]
pub fn in_process<P: Plugin>() -> PluginModuleRef {
    extern "C" fn about_in_process<P: Plugin>() -> RString {
        about::<P>("in process")
    }
    module::<P>(about_in_process::<P>)
}

/// JSON of the plugin's facts.
#[must_use]
pub fn about<P: Plugin>(version: &str) -> RString {
    let info = PluginInfo {
        name: P::NAME.to_owned(),
        version: version.to_owned(),
        native_runtime: P::native_runtime(),
    };
    serde_json::to_string(&info).unwrap_or_default().into()
}

extern "C" fn open<P: Plugin>(request: OpenRequest<'_>) -> RResult<ExpertObject, AbiError> {
    let opened = guarded(|| {
        let (config, context) = asked::<P>(&request)?;
        P::open(config, &context).map(|plugin| Shim {
            plugin,
            shape: context.shape(),
            levels: context.levels(),
        })
    });
    match opened {
        Ok(shim) => ROk(AbiExpert_TO::from_value(shim, TD_Opaque)),
        Err(error) => RErr(error.into()),
    }
}

extern "C" fn files<P: Plugin>(request: OpenRequest<'_>) -> RResult<RString, AbiError> {
    let listed = guarded(|| {
        let (config, context) = asked::<P>(&request)?;
        let files = P::files(&config, &context)?;
        serde_json::to_string(&files).map_err(|error| {
            let message = format!("a path among the model's files cannot be told: {error}");
            Error::new(ErrorKind::Model, message).hint("use names that are valid UTF-8")
        })
    });
    match listed {
        Ok(text) => ROk(text.into()),
        Err(error) => RErr(error.into()),
    }
}

fn asked<P: Plugin>(request: &OpenRequest<'_>) -> Result<(P::Config, Context), Error> {
    let config = serde_json::from_str(request.config.as_str())
        .map_err(|error| Error::new(ErrorKind::Config, format!("config: {error}")))?;
    Ok((config, Context::new(P::NAME, request)))
}

struct Shim<P> {
    plugin: P,
    shape: [usize; 3],
    levels: u16,
}

impl<P: Plugin> AbiExpert for Shim<P> {
    fn manifest(&self) -> RString {
        // A manifest that panics or cannot be written is an empty text, which
        // the host reports as a broken manifest.
        guarded(|| Ok(serde_json::to_string(&self.plugin.manifest()).unwrap_or_default()))
            .unwrap_or_default()
            .into()
    }

    fn vote(
        &self,
        batch: RSlice<'_, i16>,
        rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError> {
        crossing(|| {
            let batch = Batch::new(batch.as_slice(), rows, self.shape, self.levels)?;
            self.plugin.vote(&batch, room(votes, rows)?)
        })
    }

    fn draw(
        &self,
        noise: AbiNoiseTable<'_>,
        segments: RSlice<'_, AbiSegment<'_>>,
        padded_rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError> {
        crossing(|| {
            let noise = NoiseTable {
                cells: noise.cells.as_slice(),
                thresholds_high: noise.thresholds_high.as_slice(),
                thresholds_low: noise.thresholds_low.as_slice(),
                lowest: noise.lowest,
            };
            let segments = segments.as_slice().iter().map(|segment| Segment {
                input: segment.input.as_slice(),
                key: segment.key,
                first: segment.first,
                rows: segment.rows,
            });
            let segments = segments.collect();
            let draws = Draws::new(noise, segments, padded_rows, self.shape, self.levels)?;
            self.plugin.draw(&draws, room(votes, draws.rows())?)
        })
    }
}

/// Exactly the places that the votes fill.
fn room(votes: RSliceMut<'_, u32>, rows: usize) -> Result<&mut [u32], Error> {
    let votes = votes.into_mut_slice();
    let found = votes.len();
    votes.get_mut(..rows).ok_or_else(|| {
        Error::new(ErrorKind::Batch, format!("room for {found} votes, expected {rows}"))
    })
}

fn crossing(work: impl FnOnce() -> Result<(), Error>) -> RResult<(), AbiError> {
    match guarded(work) {
        Ok(()) => ROk(()),
        Err(error) => RErr(error.into()),
    }
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What a panic leaves half done belongs to the plugin, and the host drops it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Error::new(ErrorKind::Panic, format!("the plugin panicked: {message}"))
            .hint("report this to the plugin's publisher"))
    })
}
