//! Rust's side of the wire format, made of `proto/inference.proto` without the program `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILE: &str = "proto/inference.proto";
    println!("cargo::rerun-if-changed={FILE}");
    let described = protox::compile([FILE], ["proto"])?;
    let mut server = tonic_prost_build::configure().build_client(false).build_transport(false);
    // Tensors are not copied when a message is read.
    server = server.bytes(".inference.ModelInferRequest.raw_input_contents");
    server.codec_path("crate::codec::Careful").compile_fds(described)?;
    Ok(())
}
