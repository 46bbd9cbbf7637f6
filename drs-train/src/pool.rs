//! experts.toml files, written.

use std::path::Path;

use anyhow::Context as _;
use drs_router::NamedTerm;
use drs_run::whole;
use toml::{Table, Value};

/// How a torch expert runs, whatever its model: settings that a pool keeps when it gets
/// another one.
const RUNNING: [&str; 7] =
    ["batch", "channels_last", "device", "devices", "draw", "dtype", "threads"];

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

    /// A router: a checkpoint as training leaves it. It runs as the first torch expert does.
    pub(crate) fn set_router(&mut self, model: &Path) -> anyhow::Result<()> {
        let experts = self.table.get("expert").and_then(Value::as_array).into_iter().flatten();
        let mut config = experts.filter_map(Value::as_table).find_map(running).unwrap_or_default();
        config.extend(checkpoint(model)?);
        let router = Table::from_iter([
            ("plugin".to_owned(), "torch".into()),
            ("config".to_owned(), config.into()),
        ]);
        self.table.insert("router".to_owned(), router.into());
        Ok(())
    }

    /// Another model for the expert of this name: a checkpoint as training leaves it. A torch
    /// expert runs on as it did.
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
        let mut config = running(expert).unwrap_or_default();
        config.extend(checkpoint(model)?);
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
        Ok(whole::write(path, toml::to_string(&self.table)?)?)
    }
}

/// How an expert of the torch plugin runs.
fn running(expert: &Table) -> Option<Table> {
    let plugin = expert.get("plugin").and_then(Value::as_str)?;
    let config = expert.get("config").and_then(Value::as_table)?;
    let known = |(key, _): &(&String, &Value)| RUNNING.contains(&key.as_str());
    let kept = config.iter().filter(known).map(|(key, value)| (key.clone(), value.clone()));
    (plugin == "torch").then(|| kept.collect())
}

fn checkpoint(model: &Path) -> anyhow::Result<Table> {
    let model = text_of(&std::path::absolute(model)?)?;
    Ok(Table::from_iter([("kind".to_owned(), "checkpoint".into()), ("model".to_owned(), model)]))
}

fn text_of(path: &Path) -> anyhow::Result<Value> {
    let text = path.to_str().with_context(|| format!("{} is no Unicode", path.display()))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = r#"
[router]
plugin = "torch"
config = { kind = "checkpoint", model = "old.safetensors" }
[[expert]]
name = "near"
plugin = "onnx"
config = { model = "near.onnx", threads = 3 }
[[expert]]
name = "far"
plugin = "torch"
config = { kind = "torchscript", model = "far.pt", sigma = 2.0, classes = 10, dtype = "bf16", device = "cuda:1" }
"#;

    #[test]
    fn another_model_runs_as_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experts.toml");
        std::fs::write(&path, POOL).unwrap();
        let mut file = PoolFile::from(&path).unwrap();
        file.set_router(Path::new("/router.safetensors")).unwrap();
        file.set_expert("near", Path::new("/near.safetensors"), 0.25).unwrap();
        file.set_expert("far", Path::new("/far.safetensors"), 1.0).unwrap();
        file.write(&path).unwrap();
        let written: Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let expected: Table = toml::from_str(
            r#"
router = { kind = "checkpoint", model = "/router.safetensors", dtype = "bf16", device = "cuda:1" }
near = { kind = "checkpoint", model = "/near.safetensors", sigma = 0.25 }
far = { kind = "checkpoint", model = "/far.safetensors", sigma = 1.0, dtype = "bf16", device = "cuda:1" }
"#,
        )
        .unwrap();
        assert_eq!(written["router"]["config"], expected["router"]);
        assert_eq!(written["expert"][0]["config"], expected["near"]);
        assert_eq!(written["expert"][1]["config"], expected["far"]);
    }
}
