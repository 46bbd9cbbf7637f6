//! Packages of experts: what one says of itself, installing one, and those that are installed.
//!
//! The rules are those of `drs expert install`, which calls the same functions.

use std::path::PathBuf;

use drs_packages::{
    Consent, Installed, Machine, Manifest, Origin, Package, PublicKey, Store, TARGET,
};
use drs_plugins_api::abi;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::value_error;

/// JSON of what a package in a file says of itself. Of its contents only this is looked at.
#[pyfunction]
pub(crate) fn package(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    let package = py.detach(|| Package::open(&path)).map_err(value_error)?;
    Ok(named(&package.manifest).to_string())
}

/// Installs a package from a file for this user, as a whole or not at all; JSON of what is then there.
#[pyfunction]
pub(crate) fn install_package(
    py: Python<'_>,
    path: PathBuf,
    trust: Option<&str>,
    native: bool,
    unsigned: bool,
    downgrade: bool,
) -> PyResult<String> {
    let key = trust.map(str::parse::<PublicKey>).transpose();
    let key = key.map_err(|problem| value_error(format!("trust: {problem}")))?;
    let consent = Consent { key, native, unsigned, downgrade };
    let source = std::path::absolute(&path)?.display().to_string();
    let installed = py.detach(|| {
        let store = Store::of_user()?;
        let mut package = Package::open(&path)?;
        let here = Machine { target: TARGET, interface: abi::VERSION };
        drs_packages::install(&store, &mut package, &consent, here, &Origin { source, index: None })
    });
    Ok(told(installed.map_err(value_error)?).to_string())
}

/// JSON of all packages that are installed. No code of theirs is run.
#[pyfunction]
pub(crate) fn installed_packages(py: Python<'_>) -> PyResult<String> {
    let all = py.detach(|| Store::of_user()?.all()).map_err(value_error)?;
    Ok(Value::from_iter(all.into_iter().map(told)).to_string())
}

fn named(manifest: &Manifest) -> Value {
    let kind = if manifest.pool.is_some() { "pool" } else { "plugin" };
    json!({ "name": manifest.name, "version": manifest.version, "kind": kind })
}

fn told(Installed { manifest, folder, key, .. }: Installed) -> Value {
    let mut told = named(&manifest);
    told["folder"] = folder.display().to_string().into();
    told["key"] = json!(key);
    told
}
