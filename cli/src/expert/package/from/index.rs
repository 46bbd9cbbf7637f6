//! Which index has a package.

use anyhow::{Context as _, bail};
use drs_packages::{Index, IndexKey, PublicKey, Site, Store, Wanted, signer};
use drs_progress::say;

use super::{Configured, site};
use crate::args::FromIndex;
use crate::ask::{can_ask, yes};

/// An index, and the key that was given for it.
pub(in crate::expert::package) struct Chosen {
    pub(in crate::expert::package) site: Box<dyn Site>,
    pub(in crate::expert::package) key: Option<PublicKey>,
}

impl Chosen {
    /// The index of this place, or of this name in the user's settings.
    pub(in crate::expert::package) fn named(
        place: &str,
        key: Option<&PublicKey>,
        configured: &Configured,
    ) -> anyhow::Result<Self> {
        let (at, own) = configured.indexes.get(place).map_or((place, None), |place| place.parts());
        if let (Some(key), Some(own)) = (key, own)
            && key != own
        {
            bail!("--trust-index {key}: the settings have another key for {place}, {own}");
        }
        if at.starts_with("http://") {
            bail!("{at}: expected https:, or a folder");
        }
        Ok(Self { site: site(at)?, key: key.or(own).cloned() })
    }
}

/// The index that `--index` names, else the only one of the user's settings that has the package.
pub(in crate::expert::package) fn choose(
    wanted: &Wanted,
    from: &FromIndex,
    store: &Store,
) -> anyhow::Result<Chosen> {
    let configured = Configured::read()?;
    if let Some(place) = &from.index {
        return Chosen::named(place, from.trust_index.as_ref(), &configured);
    }
    if from.trust_index.is_some() {
        bail!("--trust-index: expected --index too, the index that this key is believed for");
    }
    if configured.indexes.is_empty() {
        bail!(
            "{wanted}: which index has it? Give --index FOLDER or --index https://…, or name indexes in {}; a file is given by its path, ./{}.drsx",
            Configured::path()?.display(),
            wanted.name
        );
    }
    let mut having: Option<(Chosen, &str)> = None;
    for name in configured.indexes.keys() {
        let chosen = Chosen::named(name, None, &configured)?;
        if !open(&chosen, store)?.names().any(|other| *other == wanted.name) {
            continue;
        }
        if let Some((_, other)) = having {
            bail!(
                "{}: the indexes {other} and {name} both have it: --index {other} or --index {name}",
                wanted.name
            );
        }
        having = Some((chosen, name));
    }
    let names: Vec<&str> = configured.indexes.keys().map(String::as_str).collect();
    let (chosen, _) = having.with_context(|| {
        format!("{}: none of the indexes {} has it", wanted.name, names.join(", "))
    })?;
    Ok(chosen)
}

/// Opens an index. A key that is new for it is asked about.
pub(in crate::expert::package) fn open<'a>(
    chosen: &'a Chosen,
    store: &Store,
) -> anyhow::Result<Index<'a>> {
    let site = chosen.site.as_ref();
    let place = site.place();
    let key = match signer(site, store, chosen.key.as_ref())? {
        IndexKey::Believed(key) => key,
        IndexKey::New(key) => {
            say!(
                "{place}: signed by {key}, which is new here. Whoever holds this key tells what this index has"
            );
            if !can_ask() {
                bail!(
                    "{place}: compare this key with what the publisher of the index says, then --trust-index {key}"
                );
            }
            if !yes("believe this key?")? {
                bail!("{place}: its key is not believed");
            }
            key
        }
    };
    Ok(Index::open(site, store, key)?)
}
