//! The stable interface between `drs` and its expert plugins, and the SDK to
//! write one.
//!
//! An expert is a dynamic library named `drs_expert_<name>`. Its author
//! implements [`Plugin`] in safe Rust and exports it:
//!
//! ```
//! use drs_plugins_api::{Batch, Context, Error, Manifest, Plugin, export_expert};
//!
//! /// Votes 1 where the first value is above one half.
//! struct Bright;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {}
//!
//! impl Plugin for Bright {
//!     const NAME: &'static str = "bright";
//!     type Config = Config;
//!
//!     fn open(_: Config, _: &Context) -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     fn manifest(&self) -> Manifest {
//!         Manifest::new(0.5, [1, 1, 2], vec!["dark".into(), "bright".into()], 256)
//!             .concurrency(0)
//!     }
//!
//!     fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
//!         let inputs = batch.lattice().chunks_exact(batch.values());
//!         for (input, vote) in inputs.zip(votes) {
//!             *vote = u32::from(f64::from(input[0]) * batch.step() > 0.5);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_expert!(Bright);
//! # fn main() {}
//! ```
//!
//! The host's side of the boundary is [`abi`].

pub mod abi;
mod batch;
pub mod declared;
mod draws;
mod error;
mod manifest;
mod normalisation;
mod plugin;
mod shim;

pub use abi_stable;
pub use batch::{Batch, argmax};
pub use draws::{DRAWS, Draws, NoiseTable, OPEN, Segment};
pub use error::{Error, ErrorKind};
pub use manifest::{Manifest, NativeRuntime, PluginInfo};
pub use normalisation::Normalisation;
pub use plugin::{Context, Plugin};
pub use shim::in_process;

/// Exports a type that implements [`Plugin`] as this library's expert.
///
/// Once per crate, in a crate with `crate-type = ["cdylib"]` whose library is
/// named `drs_expert_<name>`.
#[macro_export]
macro_rules! export_expert {
    ($plugin:ty) => {
        const _: () = {
            extern "C" fn about() -> $crate::abi_stable::std_types::RString {
                $crate::__private::about::<$plugin>(env!("CARGO_PKG_VERSION"))
            }
            fn module() -> $crate::abi::PluginModuleRef {
                $crate::__private::module::<$plugin>(about)
            }
            extern "C" fn load() -> $crate::abi_stable::library::RootModuleResult {
                $crate::abi_stable::library::__call_root_module_loader(module)
            }
            // The symbol that abi_stable 0.11 looks for.
            // SAFETY: the name is unique to plugins, of which a library holds one; the
            // constructor returns the very module type that the header is made for.
            #[unsafe(no_mangle)]
            pub static _1as_0lib_1header_0root_bmodule_bloader:
                $crate::abi_stable::library::LibHeader = unsafe {
                $crate::abi_stable::library::LibHeader::from_constructor::<
                    $crate::abi::PluginModuleRef,
                >(load, $crate::abi_stable::library::CheckTypeLayout::Yes)
            };
        };
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::shim::{about, module};
}
