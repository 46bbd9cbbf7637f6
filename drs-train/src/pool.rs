//! experts.toml files, written.

use std::path::Path;

use anyhow::Context as _;
use drs_router::NamedTerm;
use toml::{Table, Value};

use crate::files;

/// An experts.toml that is made from another one; paths keep their meaning.
pub(crate) struct PoolFile {
    table: Table,
}

impl PoolFile {
    /// Starts with all that a file has but its router and what belongs to it.
    pub(crate) fn from(path: &Path) -> anyhow::Result<Self> {
        let problem = || format!("cannot read {}", path.display());
        let text = std::fs::read_to_string(path).with_context(problem)?;
        let mut table: Table = toml::from_str(&text).with_context(|| path.display().to_string())?;
        for key in ["router", "alpha", "blend"] {
            table.remove(key);
        }
        let folder = std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default();
        let base = match table.get("base").and_then(Value::as_str) {
            Some(base) => folder.join(base),
            None => folder,
        };
        table.insert("base".to_owned(), text_of(&base)?);
        Ok(Self { table })
    }

    /// A router: a checkpoint as training leaves it.
    pub(crate) fn set_router(&mut self, model: &Path) -> anyhow::Result<()> {
        let router = Table::from_iter([
            ("plugin".to_owned(), "torch".into()),
            ("config".to_owned(), checkpoint(model)?.into()),
        ]);
        self.table.insert("router".to_owned(), router.into());
        Ok(())
    }

    /// Another model for the expert of this name: a checkpoint as training leaves it.
    pub(crate) fn set_expert(
        &mut self,
        name: &str,
        model: &Path,
        sigma: f64,
    ) -> anyhow::Result<()> {
        let experts = self.table.get_mut("expert").and_then(Value::as_array_mut);
        let mut tables = experts.into_iter().flatten().filter_map(Value::as_table_mut);
        let named = |table: &&mut Table| table.get("name").and_then(Value::as_str) == Some(name);
        let expert = tables.find(named).with_context(|| format!("no expert {name}"))?;
        let mut config = checkpoint(model)?;
        config.insert("sigma".to_owned(), sigma.into());
        expert.retain(|key, _| key == "name");
        expert.insert("plugin".to_owned(), "torch".into());
        expert.insert("config".to_owned(), config.into());
        Ok(())
    }

    /// Terms of the blended rule.
    pub(crate) fn set_blend(&mut self, terms: &[NamedTerm]) -> anyhow::Result<()> {
        self.table.insert("blend".to_owned(), Value::try_from(terms)?);
        Ok(())
    }

    /// The router's share of α.
    pub(crate) fn set_route_share(&mut self, share: f64) {
        let alpha = Table::from_iter([("route".to_owned(), share.into())]);
        self.table.insert("alpha".to_owned(), alpha.into());
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        files::replace(path, toml::to_string(&self.table)?.as_bytes())
    }
}

fn checkpoint(model: &Path) -> anyhow::Result<Table> {
    let model = text_of(&std::path::absolute(model)?)?;
    Ok(Table::from_iter([("kind".to_owned(), "checkpoint".into()), ("model".to_owned(), model)]))
}

fn text_of(path: &Path) -> anyhow::Result<Value> {
    let text = path.to_str().with_context(|| format!("{} is no Unicode", path.display()))?;
    Ok(text.into())
}
