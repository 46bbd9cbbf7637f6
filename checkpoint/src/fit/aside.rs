//! Names of modules that stand beside a network and take no part in its answers.

/// Modules beside a network that take part in training or measuring only.
const ASIDE: [&str; 6] = ["loss", "criterion", "metric", "accuracy", "auroc", "confusion"];

/// Whether a tensor belongs to such a module.
pub(super) fn is_aside(name: &str) -> bool {
    // Not the last word, which names the tensor.
    let Some((modules, _)) = name.rsplit_once('.') else { return false };
    modules.split('.').any(|module| {
        let module = module.to_lowercase();
        ASIDE.iter().any(|word| module.contains(word)) || module.ends_with("_acc")
    })
}
