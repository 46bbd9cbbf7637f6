//! experts.toml: reading and validation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use drs_core::protocol::AlphaSplit;
use drs_core::rule::Term;
use drs_core::text::is_name;
use drs_data::InputSpec;
use serde::Deserialize;

use crate::limits::Limits;
use crate::term::NamedTerm;

/// A pool of experts as experts.toml describes it, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// The folder that relative paths start from, if not the file's.
    pub base: Option<PathBuf>,
    /// The inputs.
    pub input: InputSpec,
    /// The router; its classes are the experts' names.
    pub router: Option<RouterSpec>,
    /// At least one, names unique.
    pub experts: Vec<ExpertSpec>,
    /// How α is shared.
    pub split: AlphaSplit,
    /// The terms of the blended rule, experts by their place.
    pub blend: Vec<Term>,
    /// What isolated models may take.
    pub limits: Limits,
}

/// An expert: a name and a model.
#[derive(Debug, Clone)]
pub struct ExpertSpec {
    /// Unique name.
    pub name: String,
    /// The model.
    pub model: ModelSpec,
}

/// Where the router's votes come from.
#[derive(Debug, Clone)]
pub enum RouterSpec {
    /// A model of its own.
    Own(ModelSpec),
    /// The model of the expert in this place, which answers with pairs of expert and class.
    Shared(usize),
}

/// A model: a plugin and what to open it with.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// Plugin name, or path of a library.
    pub plugin: String,
    /// The plugin's own configuration, as JSON.
    pub config: serde_json::Value,
    /// Digest that the plugin's library must have.
    pub sha256: Option<Digest>,
    /// Digests that the model's files must have, by path; all of them, if any.
    pub files: Option<BTreeMap<String, Digest>>,
    /// Inputs per batch; the plugin's preference by default.
    pub batch: Option<usize>,
    /// Whether it gets a process of its own.
    pub isolated: bool,
}

/// What is wrong with an experts.toml.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not valid TOML, or has a wrong or unknown field.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what, as the TOML reader tells it.
        message: String,
    },
    /// A field holds a value that it must not.
    #[error("{path}: {field}: {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// Path of the field, such as `expert[1].name`.
        field: String,
        /// What was found and what was expected.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    base: Option<PathBuf>,
    input: InputSpec,
    router: Option<RouterTable>,
    expert: Vec<ExpertTable>,
    #[serde(default)]
    alpha: AlphaSplit,
    #[serde(default)]
    blend: Vec<NamedTerm>,
    #[serde(default)]
    isolation: Limits,
}

/// Where a model lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    /// In the program's own process.
    #[default]
    None,
    /// In a process of its own.
    Process,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouterTable {
    shares: Option<String>,
    plugin: Option<String>,
    #[serde(default)]
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    #[serde(default)]
    isolation: Place,
}

struct ModelTable {
    plugin: String,
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    isolation: Place,
}

// `flatten` and `deny_unknown_fields` do not go together, hence the repetition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpertTable {
    name: String,
    plugin: String,
    #[serde(default)]
    config: toml::Table,
    sha256: Option<Digest>,
    files: Option<BTreeMap<String, Digest>>,
    batch: Option<usize>,
    #[serde(default)]
    isolation: Place,
}

impl ModelSpec {
    /// A model with nothing but a plugin and its configuration.
    #[must_use]
    pub fn new(plugin: &str, config: serde_json::Value) -> Self {
        let plugin = plugin.to_owned();
        Self { plugin, config, sha256: None, files: None, batch: None, isolated: false }
    }
}

impl Config {
    /// Reads and validates an experts.toml.
    ///
    /// # Errors
    /// If the file cannot be read, is not valid TOML, has an unknown key, or a
    /// field's value is wrong; the message names the field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Validates the text of an experts.toml; relative paths start beside `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let wrong = |field: String, problem: String| ConfigError::Field {
            path: path.to_owned(),
            field,
            problem,
        };
        file.input.validate().map_err(|problem| wrong("input".into(), problem))?;
        file.alpha.validate().map_err(|error| wrong("alpha".into(), error.to_string()))?;
        file.isolation.validate().map_err(|problem| wrong("isolation".into(), problem))?;
        if file.expert.is_empty() || file.expert.len() > 64 {
            let found = file.expert.len();
            return Err(wrong("expert".into(), format!("{found} experts, expected 1 to 64")));
        }
        let mut names = BTreeSet::new();
        let mut experts = Vec::with_capacity(file.expert.len());
        for (index, table) in file.expert.into_iter().enumerate() {
            let field = format!("expert[{index}]");
            check_name(&table.name).map_err(|problem| wrong(format!("{field}.name"), problem))?;
            if !names.insert(table.name.clone()) {
                let problem = format!(
                    "\"{}\" names an earlier expert too, expected unique names",
                    table.name
                );
                return Err(wrong(format!("{field}.name"), problem));
            }
            let ExpertTable { name, plugin, config, sha256, files, batch, isolation } = table;
            let model =
                model(&field, ModelTable { plugin, config, sha256, files, batch, isolation })
                    .map_err(|(field, problem)| wrong(field, problem))?;
            experts.push(ExpertSpec { name, model });
        }
        let names: Vec<&str> = experts.iter().map(|expert| expert.name.as_str()).collect();
        let blend = file.blend.iter().enumerate().map(|(index, term)| {
            term.term(&names).map_err(|problem| wrong(format!("blend[{index}]"), problem))
        });
        let blend = blend.collect::<Result<_, _>>()?;
        let router = file.router.map(|table| table.spec(&names)).transpose();
        Ok(Self {
            path: path.to_owned(),
            base: file.base,
            input: file.input,
            router: router.map_err(|(field, problem)| wrong(field, problem))?,
            experts,
            split: file.alpha,
            blend,
            limits: file.isolation,
        })
    }

    /// The folder that relative paths start from.
    #[must_use]
    pub fn base_dir(&self) -> PathBuf {
        let own = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        self.base.as_ref().map_or(own.clone(), |base| own.join(base))
    }
}

impl RouterTable {
    fn spec(self, experts: &[&str]) -> Result<RouterSpec, (String, String)> {
        let Self { shares, plugin, config, sha256, files, batch, isolation } = self;
        match (shares, plugin) {
            (None, Some(plugin)) => {
                let table = ModelTable { plugin, config, sha256, files, batch, isolation };
                model("router", table).map(RouterSpec::Own)
            }
            (Some(name), None)
                if config.is_empty()
                    && sha256.is_none()
                    && files.is_none()
                    && batch.is_none()
                    && isolation == Place::None =>
            {
                let place = experts.iter().position(|expert| *expert == name);
                place.map(RouterSpec::Shared).ok_or_else(|| {
                    let expected = experts.join(", ");
                    let problem = format!("\"{name}\" found, expected one of {expected}");
                    ("router.shares".into(), problem)
                })
            }
            (Some(_), _) => {
                let problem =
                    "stands alone: the model is the expert's, with its own plugin and config";
                Err(("router.shares".into(), problem.into()))
            }
            (None, None) => {
                let problem = "missing, expected a plugin name or a path, or shares = \"EXPERT\"";
                Err(("router.plugin".into(), problem.into()))
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if !is_name(name) {
        Err(format!("\"{name}\" found, expected letters, digits, '_', '-' and '.'"))
    } else if name == "router" {
        Err("\"router\" is reserved for the router, expected another name".to_owned())
    } else {
        Ok(())
    }
}

fn model(field: &str, table: ModelTable) -> Result<ModelSpec, (String, String)> {
    if table.plugin.is_empty() {
        return Err((format!("{field}.plugin"), "empty, expected a plugin name or a path".into()));
    }
    if table.batch == Some(0) {
        return Err((format!("{field}.batch"), "0 found, expected at least 1".into()));
    }
    let config = json(&format!("{field}.config"), toml::Value::Table(table.config))?;
    let ModelTable { plugin, sha256, files, batch, isolation, .. } = table;
    Ok(ModelSpec { plugin, config, sha256, files, batch, isolated: isolation == Place::Process })
}

/// TOML as JSON. What JSON cannot hold (NaN, ±∞) is an error, not a silent null.
fn json(field: &str, value: toml::Value) -> Result<serde_json::Value, (String, String)> {
    use serde_json::Value;
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => {
                return Err((
                    field.to_owned(),
                    format!("{number} found, expected a finite number"),
                ));
            }
        },
        toml::Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| json(&format!("{field}[{index}]"), item))
            .collect::<Result<_, _>>()?,
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, item)| json(&format!("{field}.{key}"), item).map(|item| (key, item)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Value::Object)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use drs_data::Interpolation;

    const GOOD: &str = r#"
        [input]
        shape = [1, 28, 28]
        quantum = "1/255"
        [router]
        plugin = "onnx"
        config = { model = "router.onnx" }
        [[expert]]
        name = "a"
        plugin = "onnx"
        [[expert]]
        name = "b"
        plugin = "./libother.so"
        batch = 64
    "#;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("pool/experts.toml"), text)
    }

    #[test]
    fn a_good_file_is_read() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.input.shape.dims(), [1, 28, 28]);
        assert_eq!(config.experts[1].model.batch, Some(64));
        let Some(RouterSpec::Own(router)) = &config.router else { panic!("{:?}", config.router) };
        assert_eq!(router.config["model"], "router.onnx");
        assert_eq!(config.base_dir(), Path::new("pool"));
        let based = |base: &str| parse(&format!("base = \"{base}\"\n{GOOD}")).unwrap().base_dir();
        assert_eq!(based("../models"), Path::new("pool/../models"));
        assert_eq!(based("/models"), Path::new("/models"));
    }

    #[test]
    fn a_router_may_share_an_expert_s_model() {
        let own = "plugin = \"onnx\"\n        config = { model = \"router.onnx\" }";
        assert!(GOOD.contains(own));
        let router = |text: &str| parse(&GOOD.replacen(own, text, 1)).map(|config| config.router);
        assert!(matches!(router("shares = \"b\""), Ok(Some(RouterSpec::Shared(1)))));
        for (bad, expected) in [
            ("shares = \"c\"", "router.shares: \"c\" found, expected one of a, b"),
            ("shares = \"b\"\nplugin = \"onnx\"", "router.shares: stands alone"),
            ("shares = \"b\"\nbatch = 3", "router.shares: stands alone"),
            ("", "router.plugin: missing"),
        ] {
            let error = router(bad).unwrap_err().to_string();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }

    #[test]
    fn terms_name_experts() {
        let terms = "[[blend]]\nweights = { b = 2 }\n[[blend]]\nweights = { a = 1, b = 1 }\ncap = 0.0\nroute = [\"b\"]\n";
        let config = parse(&format!("{GOOD}{terms}")).unwrap();
        assert_eq!(config.blend[0].weights, [0, 2]);
        let second = &config.blend[1];
        assert_eq!((second.cap, second.route.as_deref()), (Some(0.0), Some(&[1][..])));
        let error =
            parse(&format!("{GOOD}{}", terms.replace("{ b = 2 }", "{ c = 2 }"))).unwrap_err();
        assert!(
            error.to_string().contains("blend[0]: \"c\" found, expected one of a, b"),
            "{error}"
        );
    }

    #[test]
    fn images_may_be_resized() {
        let resized = GOOD.replace("[router]", "resize = { side = 32 }\n[router]");
        let resize = parse(&resized).unwrap().input.resize.unwrap();
        assert_eq!((resize.side, resize.interpolation), (32, Interpolation::Bilinear));
        assert_eq!(parse(GOOD).unwrap().input.resize, None);
    }

    #[test]
    fn each_mistake_is_named() {
        let cases = [
            ("quantum = \"1/255\"", "quantum = \"0.1\"", "expected \"1/N\""),
            ("shape = [1, 28, 28]", "shape = [1, 0, 28]", "each at least 1"),
            (
                "[router]",
                "resize = { side = 27 }\n[router]",
                "input: resize.side: 27 found, expected 28",
            ),
            ("[router]", "resize = { size = 32 }\n[router]", "unknown field `size`"),
            ("[router]", "resize = { side = 32, interpolation = \"box\" }\n[router]", "`bicubic`"),
            ("name = \"b\"", "name = \"a\"", "expert[1].name"),
            ("name = \"b\"", "name = \"b c\"", "expert[1].name"),
            ("name = \"b\"", "name = \"router\"", "reserved"),
            ("batch = 64", "batch = 0", "expert[1].batch"),
            ("batch = 64", "bach = 64", "unknown field `bach`"),
            ("batch = 64", "sha256 = \"12\"", "64 hexadecimal digits"),
            ("batch = 64", "config = { sigma = nan }", "expert[1].config.sigma"),
            ("batch = 64", "config = { deep = [1, { x = -inf }] }", "expert[1].config.deep[1].x"),
            ("[router]", "[roter]", "unknown field `roter`"),
            ("batch = 64", "isolation = \"thread\"", "`process`"),
            ("[router]", "[isolation]\ntimeout = 0\n[router]", "isolation: timeout: 0 found"),
            ("[router]", "[alpha]\nroute = 1.5\n[router]", "`route`"),
            ("plugin = \"./libother.so\"", "plugin = \"\"", "expert[1].plugin"),
        ];
        for (good, bad, expected) in cases {
            assert!(GOOD.contains(good));
            let error = parse(&GOOD.replacen(good, bad, 1)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("experts.toml"), "{bad}: {error}");
        }
    }
}
