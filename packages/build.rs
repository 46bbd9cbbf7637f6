//! Tells the crate which platform it is built for.

fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=DRS_TARGET={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
