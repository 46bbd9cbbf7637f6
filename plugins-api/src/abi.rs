//! What crosses the library boundary, and nothing else.
//!
//! Only this module and the host's loader know of `abi_stable`. Structs and
//! methods here may grow only after their last prefix field; what may need new
//! fields often (the manifest, the configuration) crosses as JSON text, in
//! which each side ignores what it does not know.

// The derive macros of abi_stable 0.11 expand to impls inside constants.
#![allow(non_local_definitions, unused_qualifications)]
#![allow(missing_docs, reason = "the macros make undocumented items")]

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_trait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RResult, RSlice, RSliceMut, RStr, RString};

/// The version of the interface, apart from the package's. A host loads plugins of the version
/// that it was built with, so this changes (0.1.0, 0.2.0, …) only where layouts change, not when
/// something is added after a last prefix field: plugins of before then go on working.
pub const VERSION: &str = "0.1.0";

/// The root module of a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// JSON of [`PluginInfo`](crate::PluginInfo); callable before anything is opened.
    pub about: extern "C" fn() -> RString,
    /// Opens an expert from its configuration.
    #[sabi(last_prefix_field)]
    pub open: extern "C" fn(OpenRequest<'_>) -> RResult<ExpertObject, AbiError>,
    /// JSON of the files that an expert of this configuration is made of, before it is opened:
    /// a list of paths, or `null` where the plugin does not tell. Plugins built before this
    /// field was there do not have it.
    #[sabi(missing_field(option))]
    pub files: extern "C" fn(OpenRequest<'_>) -> RResult<RString, AbiError>,
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "drs_expert";
    const NAME: &'static str = "drs_expert";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(VERSION);
}

/// What an expert is opened with.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct OpenRequest<'a> {
    /// The `config` table of experts.toml as JSON.
    pub config: RStr<'a>,
    /// The folder that relative paths in the configuration start from.
    pub base_dir: RStr<'a>,
    /// Shape of one input: channels, height, width.
    pub shape: [u64; 3],
    /// Inputs are integers in units of 1/`levels`.
    pub levels: u16,
    /// Where the plugin's messages go.
    pub log: extern "C" fn(u8, RStr<'_>, RStr<'_>),
}

/// Level (1 error, 2 warning, 3 info, 4 debug), plugin name, message.
pub type LogFunction = extern "C" fn(u8, RStr<'_>, RStr<'_>);

/// An error on its way across.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct AbiError {
    /// See [`ErrorKind`](crate::ErrorKind).
    pub code: u32,
    pub message: RString,
    /// What to do about it; may be empty.
    pub hint: RString,
}

/// An opened expert.
#[sabi_trait]
pub trait AbiExpert: Send + Sync {
    /// JSON of [`Manifest`](crate::Manifest).
    fn manifest(&self) -> RString;
    /// Classifies the first `rows` inputs of a padded batch of lattice values
    /// and writes one class index for each.
    fn vote(
        &self,
        batch: RSlice<'_, i16>,
        rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError>;
    /// Draws the noise of the segments, padded to `padded_rows` inputs, and
    /// writes one class index for each draw.
    #[sabi(last_prefix_field)]
    fn draw(
        &self,
        noise: AbiNoiseTable<'_>,
        segments: RSlice<'_, AbiSegment<'_>>,
        padded_rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError>;
}

/// [`NoiseTable`](crate::NoiseTable) on its way across.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiNoiseTable<'a> {
    pub cells: RSlice<'a, i16>,
    pub thresholds_high: RSlice<'a, u32>,
    pub thresholds_low: RSlice<'a, u64>,
    pub lowest: i16,
}

/// [`Segment`](crate::Segment) on its way across.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiSegment<'a> {
    pub input: RSlice<'a, i16>,
    pub key: [u8; 32],
    pub first: u64,
    pub rows: usize,
}

/// An opened expert, as the host holds it.
pub type ExpertObject = AbiExpert_TO<'static, RBox<()>>;
