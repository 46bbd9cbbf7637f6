// Shared by the fixtures that export a root module which is not ours; each sets
// `VERSION` and includes this file.

use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::sabi_types::VersionStrings;

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = OtherModuleRef)))]
#[sabi(missing_field(panic))]
pub struct OtherModule {
    #[sabi(last_prefix_field)]
    pub answer: u64,
}

impl RootModule for OtherModuleRef {
    abi_stable::declare_root_module_statics! {OtherModuleRef}
    const BASE_NAME: &'static str = "drs_expert";
    const NAME: &'static str = "drs_expert";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(VERSION);
}

fn module() -> OtherModuleRef {
    OtherModule { answer: 42 }.leak_into_prefix()
}

extern "C" fn load() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(module)
}

// SAFETY: the only symbol of this name in this library; the constructor returns
// the module type that the header is made for.
#[unsafe(no_mangle)]
pub static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    unsafe { LibHeader::from_constructor::<OtherModuleRef>(load, CheckTypeLayout::Yes) };
