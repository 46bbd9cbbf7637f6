//! What the experts.toml of a package may say: nothing outside the package is named, and what can run code is
//! known before it is installed.

use std::path::{Component, Path};

use serde::Deserialize;
use toml::{Table, Value};

/// Plugins that come with drs and read data alone.
const OF_DATA: [&str; 3] = ["onnx", "ort", "halfspace"];

/// The plugin of PyTorch's models, some of which are code.
const TORCH: &str = "torch";

/// Its models that are data.
const CHECKPOINT: &str = "checkpoint";

/// Endings of models that are data, where the plugin is left to the file.
const DATA: [&str; 2] = ["onnx", "rten"];

#[derive(Deserialize)]
struct File {
    base: Option<Value>,
    pool: Option<Value>,
    router: Option<Model>,
    #[serde(default)]
    expert: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    plugin: Option<String>,
    #[serde(default)]
    config: Table,
    #[serde(default)]
    files: Table,
}

/// Whether the experts.toml of a pool may be in a package: it names nothing outside its folder.
///
/// # Errors
/// What it names, and what was expected.
pub fn check_pool(text: &str) -> Result<(), String> {
    look(text).map(drop)
}

/// What a pool needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    /// Plugins that do not come with drs: their libraries must be in the package.
    pub(crate) plugins: Vec<String>,
    /// Whether a model is code: TorchScript, or what AOTInductor has compiled.
    pub(crate) code: bool,
}

/// Looks at an experts.toml.
///
/// # Errors
/// If it names something outside its folder.
pub(crate) fn look(text: &str) -> Result<Needs, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
    if file.base.is_some() {
        return Err("base: found, expected none: paths start from the package".to_owned());
    }
    if file.pool.is_some() {
        return Err("pool: found, expected the pool itself: a package needs no other".to_owned());
    }
    let mut needs = Needs::default();
    let experts = file.expert.into_iter().enumerate();
    let experts = experts.map(|(place, model)| (format!("expert[{place}]"), model));
    for (field, model) in
        file.router.map(|model| ("router".to_owned(), model)).into_iter().chain(experts)
    {
        let wrong = |problem: String| format!("{field}.{problem}");
        inside(&Value::Table(model.config.clone()), "config").map_err(wrong)?;
        model.files.keys().try_for_each(|file| path(file, "files")).map_err(wrong)?;
        let kind = model.config.get("kind").and_then(Value::as_str);
        match model.plugin.as_deref() {
            Some(plugin) if OF_DATA.contains(&plugin) => {}
            Some(TORCH) => needs.code |= kind != Some(CHECKPOINT),
            None | Some("auto") => {
                let named = model.config.get("model").and_then(Value::as_str).unwrap_or_default();
                let ending = named.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
                let is_data = ending.is_some_and(|ending| DATA.contains(&ending.as_str()));
                needs.code |= !is_data && kind != Some(CHECKPOINT) && !model.config.is_empty();
            }
            Some(plugin) if drs_core::text::is_name(plugin) && !plugin.contains('.') => {
                needs.plugins.push(plugin.to_owned());
            }
            Some(plugin) => {
                return Err(format!(
                    "{field}.plugin: {plugin:?} found, expected the name of a plugin: a library in a package lies in native/TARGET"
                ));
            }
        }
    }
    needs.plugins.sort();
    needs.plugins.dedup();
    Ok(needs)
}

/// Whether no text in a value names a place outside.
fn inside(value: &Value, field: &str) -> Result<(), String> {
    match value {
        Value::String(text) => path(text, field),
        Value::Array(items) => items.iter().try_for_each(|item| inside(item, field)),
        Value::Table(table) => {
            table.iter().try_for_each(|(key, item)| inside(item, &format!("{field}.{key}")))
        }
        _ => Ok(()),
    }
}

fn path(text: &str, field: &str) -> Result<(), String> {
    let up = |part: Component<'_>| matches!(part, Component::ParentDir | Component::Prefix(_));
    let path = Path::new(text);
    // A place of another system is no place here, but may be one there.
    let foreign = text.starts_with('\\') || text.get(1..3) == Some(":\\") || text.contains("..\\");
    if path.is_absolute() || path.components().any(up) || foreign {
        return Err(format!(
            "{field}: {text:?} found, expected a path below the folder of experts.toml: elsewhere there is no such file"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expert(table: &str) -> Result<Needs, String> {
        look(&format!("[input]\nshape = [1, 2, 2]\n[[expert]]\nname = \"a\"\n{table}\n"))
    }

    #[test]
    fn data_needs_nothing() {
        for table in [
            "plugin = \"onnx\"\nconfig = { model = \"a.onnx\" }",
            "plugin = \"ort\"\nconfig = { model = \"models/a.onnx\", provider = \"cpu\" }",
            "config = { model = \"A.ONNX\" }",
            "plugin = \"torch\"\nconfig = { kind = \"checkpoint\", model = \"a.pth.tar\" }",
        ] {
            assert_eq!(expert(table), Ok(Needs::default()), "{table}");
        }
        // A router that shares an expert's model has no plugin of its own.
        assert_eq!(look("[router]\nshares = \"a\"\n"), Ok(Needs::default()));
    }

    #[test]
    fn code_is_told() {
        for table in [
            "plugin = \"torch\"\nconfig = { kind = \"export\", model = \"a.pt2\" }",
            "plugin = \"torch\"\nconfig = { kind = \"torchscript\", model = \"a.pt\" }",
            "plugin = \"torch\"\nconfig = { model = \"a.pth\" }",
            "config = { model = \"a.pt2\" }",
            "plugin = \"auto\"\nconfig = { model = \"a\" }",
        ] {
            assert_eq!(expert(table), Ok(Needs { code: true, ..Needs::default() }), "{table}");
        }
        let own = expert("plugin = \"mine\"").unwrap();
        assert_eq!(own.plugins, ["mine"]);
        assert_eq!(expert("plugin = \"python\"").unwrap().plugins, ["python"]);
    }

    #[test]
    fn nothing_outside_is_named() {
        for (table, field) in [
            ("plugin = \"./evil.so\"", "expert[0].plugin"),
            ("plugin = \"evil.so\"", "expert[0].plugin"),
            ("plugin = \"/evil\"", "expert[0].plugin"),
            ("config = { model = \"/etc/passwd\" }", "expert[0].config.model"),
            ("config = { a = [{ b = \"x/../../y.onnx\" }] }", "expert[0].config.a.b"),
            ("config = { a = \"C:\\\\x\" }", "expert[0].config.a"),
            ("plugin = \"onnx\"\nfiles = { \"../a\" = \"0\" }", "expert[0].files"),
        ] {
            let problem = expert(table).unwrap_err();
            assert!(problem.starts_with(field), "{table}: {problem}");
        }
        assert!(look("base = \"x\"\n").unwrap_err().starts_with("base"));
        assert!(look("pool = \"other\"\n").unwrap_err().starts_with("pool"));
        assert!(look("[router]\nplugin = \"../x\"\n").unwrap_err().starts_with("router.plugin"));
        assert!(look("nonsense").is_err());
    }
}
