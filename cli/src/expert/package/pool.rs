//! A pool as it is packed: experts.toml with the digests of its models, and the files that they are made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use drs_core::lattice::Digest;
use drs_packages::{Manifest, Model, Pool, TARGET, Variant, check_pool};
use drs_plugins_api::abi;
use drs_router::{AUTO, Config, ModelSpec, RouterSpec};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use crate::expert::subject::{copies, opened, relative};

/// How long a model may take to open.
const PATIENCE: Duration = Duration::from_secs(600);

/// The name of the pool's file in a package.
const EXPERTS: &str = "experts.toml";

/// What is in the package of a pool, by its place there.
pub(super) struct Packed {
    /// experts.toml as it is there.
    pub(super) experts: String,
    pub(super) files: BTreeMap<String, PathBuf>,
    /// What certificates know its models by, the router first.
    pub(super) known: Vec<Known>,
}

/// What certificates know a model by.
#[derive(Debug, PartialEq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) sigma: f64,
    pub(super) files: Vec<Digest>,
    pub(super) config: Digest,
}

/// Opens each model and adds to the manifest what it tells.
pub(super) fn pack(path: &Path, manifest: &mut Manifest) -> anyhow::Result<Packed> {
    let config = Config::read(path)?;
    if config.path != path {
        bail!("{}: it names a package: that is a package already", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut document: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    document.remove("base");
    let mut packing = Packing {
        config: &config,
        copies: copies()?,
        files: BTreeMap::new(),
        models: Vec::new(),
        variants: Vec::new(),
        known: Vec::new(),
    };
    if let Some(RouterSpec::Own(model)) = &config.router {
        let table = document.get_mut("router").and_then(Item::as_table_mut);
        packing.model("router", model, table.context("router: expected [router]")?)?;
    }
    let mut classes = Vec::new();
    for (place, expert) in config.experts.iter().enumerate() {
        let tables = document.get_mut("expert").and_then(Item::as_array_of_tables_mut);
        let table = tables.and_then(|tables| tables.get_mut(place));
        let table = table.with_context(|| format!("expert[{place}]: expected [[expert]]"))?;
        let of_expert = packing.model(&expert.name, &expert.model, table);
        classes = of_expert.with_context(|| expert.name.clone())?;
    }
    manifest.pool = Some(Pool {
        experts: EXPERTS.to_owned(),
        shape: config.input.shape.dims(),
        classes,
        models: packing.models,
    });
    manifest.variants = packing.variants;
    let experts = document.to_string();
    check_pool(&experts).map_err(|problem| anyhow!("{}: {problem}", path.display()))?;
    Ok(Packed { experts, files: packing.files, known: packing.known })
}

struct Packing<'a> {
    config: &'a Config,
    copies: std::sync::Arc<drs_router::Copies>,
    files: BTreeMap<String, PathBuf>,
    models: Vec<Model>,
    variants: Vec<Variant>,
    known: Vec<Known>,
}

impl Packing<'_> {
    /// Opens a model, packs its files, and writes their digests into its table. Its classes.
    fn model(
        &mut self,
        name: &str,
        model: &ModelSpec,
        table: &mut Table,
    ) -> anyhow::Result<Vec<String>> {
        let base_dir = self.config.base_dir();
        let (prepared, told) = opened(model, self.config, &self.copies, PATIENCE)?;
        let mut digests: Vec<(String, Digest)> = Vec::new();
        for file in prepared.files() {
            let inside = relative(&file.path, &base_dir);
            if Path::new(&inside).is_absolute() || inside.starts_with("..") {
                bail!(
                    "{}: it lies outside {}, expected all files of the pool in its folder",
                    file.path.display(),
                    base_dir.display()
                );
            }
            self.files.insert(inside.clone(), file.path.clone());
            digests.push((inside, file.sha256));
        }
        self.known.push(Known {
            name: name.to_owned(),
            sigma: told.sigma,
            files: digests.iter().map(|(_, digest)| *digest).collect(),
            config: prepared.config_digest(),
        });
        let plugin = self.plugin(model, prepared.library())?;
        table.remove("sha256");
        // Where the machine chooses, that of the user does.
        let named = table.get("plugin").and_then(Item::as_str).filter(|named| *named != AUTO);
        let plugin = if named.is_some() { plugin } else { AUTO.to_owned() };
        if named.is_some() {
            table.insert("plugin", value(&plugin));
        }
        let mut pins = InlineTable::new();
        digests
            .iter()
            .for_each(|(name, digest)| drop(pins.insert(name, digest.to_string().into())));
        if !pins.is_empty() {
            table.insert("files", value(pins));
        }
        self.models.push(Model { name: name.to_owned(), sigma: told.sigma, plugin });
        Ok(told.classes)
    }

    /// What experts.toml in the package calls the plugin; its library is packed unless it comes with drs.
    fn plugin(
        &mut self,
        model: &ModelSpec,
        library: &drs_router::Library,
    ) -> anyhow::Result<String> {
        if drs_router::is_built_in(&model.plugin) {
            return Ok(model.plugin.clone());
        }
        let Some(name) = drs_router::plugin_name(&library.path) else {
            bail!(
                "{}: expected a library that is called as one of cargo's, {}",
                library.path.display(),
                drs_router::library_name("NAME")
            );
        };
        let inside = format!("native/{TARGET}/{}", drs_router::library_name(&name));
        self.files.insert(inside.clone(), library.path.clone());
        // One variant holds the libraries of one platform; the first stands for all.
        if self.variants.is_empty() {
            self.variants.push(variant(inside));
        }
        Ok(name)
    }
}

/// Native code for the platform that this runs on.
pub(super) fn variant(library: String) -> Variant {
    Variant {
        target: TARGET.to_owned(),
        interface: abi::VERSION.to_owned(),
        library,
        needs: Vec::new(),
    }
}
