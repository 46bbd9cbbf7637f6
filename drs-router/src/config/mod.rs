//! experts.toml: reading and validation.

mod auto;
mod error;
mod installed;
mod spec;
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use drs_core::protocol::AlphaSplit;
use drs_core::rule::Term;
use drs_core::text::is_name;
use drs_data::InputSpec;

use crate::limits::Limits;
pub use auto::AUTO;
pub use error::ConfigError;
pub use spec::{ExpertSpec, ModelSpec, RouterSpec};
use tables::File;

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

impl Config {
    /// Reads and validates an experts.toml.
    ///
    /// # Errors
    /// If the file cannot be read, is not valid TOML, has an unknown key, or a
    /// field's value is wrong; the message names the field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let (text, _claim) = drs_memory::read_text(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Validates the text of an experts.toml; relative paths start beside `path`. If it names a package that is
    /// installed, the experts.toml is that of the package.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong =
            |problem| ConfigError::Field { path: path.to_owned(), field: "pool".into(), problem };
        let Some(pool) = installed::pool(text, folder(path)).map_err(wrong)? else {
            return Self::own(path, text);
        };
        let (text, _claim) = drs_memory::read_text(&pool)
            .map_err(|error| ConfigError::Read { path: pool.clone(), error })?;
        // It names no other package.
        Self::own(&pool, &text)
    }

    /// Of a file that describes the pool itself.
    fn own(path: &Path, text: &str) -> Result<Self, ConfigError> {
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
            experts.push(table.spec(&field).map_err(|(field, problem)| wrong(field, problem))?);
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
        let own = folder(&self.path);
        self.base.as_ref().map_or(own.to_owned(), |base| own.join(base))
    }
}

/// The folder that a file is in.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
