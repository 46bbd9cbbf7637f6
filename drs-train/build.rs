//! Tells the linker where libtorch is.

fn main() {
    // From torch-sys, which found libtorch or stopped the build.
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys tells where libtorch is");
    // First what a publisher put beside the program, then the libtorch it was built with.
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/libtorch/lib:{lib}");
}
