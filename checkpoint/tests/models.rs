//! Real checkpoints, where they are there: run with
//! `DRS_CIFAR10_MODELS=…/models/cifar10-jpeg`.

use std::path::PathBuf;

use drs_checkpoint::read;

#[test]
fn published_formats_of_one_model_hold_the_same_tensors() {
    let Some(folder) = std::env::var_os("DRS_CIFAR10_MODELS").map(PathBuf::from) else {
        eprintln!("SKIPPED: DRS_CIFAR10_MODELS is not set, no real checkpoint was read");
        return;
    };
    for name in ["s025", "s050", "s100"] {
        let torch = read(&folder.join(format!("{name}.pth.tar"))).unwrap();
        let safe = read(&folder.join(format!("{name}.safetensors"))).unwrap();
        assert_eq!(torch.tensors().len(), 128, "{name}");
        assert_eq!(torch.tensors(), safe.tensors(), "{name}");
        assert_eq!(torch.arch.as_deref(), Some("cifar_resnet20"));
        assert_eq!(torch.arch, safe.arch);
        assert!(safe.metadata.contains_key("drs.sigma"));
        let script = read(&folder.join(format!("{name}.pt"))).unwrap_err().to_string();
        assert!(script.contains("a TorchScript archive"), "{script}");
    }
}
