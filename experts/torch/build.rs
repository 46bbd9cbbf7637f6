//! Compiles the C++ halves of `src/lane`, `src/network` and `src/package`, and tells the linker where libtorch is.

use std::env;
use std::path::{Path, PathBuf};

const SOURCES: [&str; 4] = [
    "src/lane/shim.cpp",
    "src/network/shim.cpp",
    "src/network/allocator.cpp",
    "src/package/shim.cpp",
];

fn main() {
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    println!("cargo::rerun-if-changed=src/guarded.h");
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    // From torch-sys, which found libtorch or stopped the build.
    let lib = env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys tells where libtorch is");
    let root = env::var_os("LIBTORCH_INCLUDE")
        .map(PathBuf::from)
        .or_else(|| Path::new(&lib).parent().map(Path::to_owned))
        .expect("a folder above libtorch's lib");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        // The warnings of libtorch's headers are not ours.
        .warnings(false)
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .files(SOURCES)
        .compile("drs_torch_shim");
    // First what a publisher put beside the plugin, then the libtorch it was built with.
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/libtorch/lib:{lib}");
}
