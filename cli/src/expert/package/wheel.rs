//! `drs expert wheel`: a package as a distribution of Python, to be found by what pip has installed.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_packages::{Manifest, Package};
use drs_progress::{out, say};

use super::fill::fill;
use crate::args::WheelArgs;

/// The files beside the package: where they go, and what they hold.
const FILES: [(&str, &str); 4] = [
    ("pyproject.toml", include_str!("../../../templates/wheel/pyproject.toml.in")),
    ("README.md", include_str!("../../../templates/wheel/README.md")),
    (".gitignore", include_str!("../../../templates/wheel/gitignore")),
    ("src/{{module}}/__init__.py", include_str!("../../../templates/wheel/init.py")),
];

/// What PyPI takes of a file, if nobody asks it for more.
const PYPI_TAKES: u64 = 100_000_000;

pub(crate) fn run(args: &WheelArgs) -> anyhow::Result<()> {
    let path = &args.package;
    let mut package = Package::open(path)?;
    // What cannot be installed is not handed on.
    package.check_contents()?;
    let values = values(&package).with_context(|| path.display().to_string())?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(value(&values, "distribution")));
    if let Err(error) = std::fs::create_dir(&folder) {
        if error.kind() == ErrorKind::AlreadyExists {
            bail!("{}: is there already; --out takes another folder", folder.display());
        }
        return Err(error).with_context(|| format!("cannot make {}", folder.display()));
    }
    for (file, text) in FILES {
        let text = fill(text, |name| shown(file, &values, name))?;
        write(&folder.join(fill(file, |name| Some(value(&values, name)))?), &mut text.as_bytes())?;
    }
    let beside = format!("src/{}/{}", value(&values, "module"), value(&values, "file"));
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = write(&folder.join(beside), &mut file)?;
    if !package.is_signed() {
        say!(
            "warning: nobody has signed {}: users must give allow_unsigned=True. drs expert sign signs it; then make this folder again",
            path.display()
        );
    }
    if bytes > PYPI_TAKES {
        say!(
            "warning: the package has {bytes} bytes. PyPI takes {PYPI_TAKES} of a file, unless it is asked for more"
        );
    }
    out!("{}: a distribution of Python; its README.md tells how to build it", folder.display())?;
    Ok(())
}

type Values = Vec<(&'static str, String)>;

/// What stands in the templates' places.
fn values(package: &Package) -> anyhow::Result<Values> {
    let Manifest { name, version, license, description, .. } = &package.manifest;
    // A version that comes before a release is taken only where it is asked for.
    let wanted = match version.pre.is_empty() {
        true => name.to_string(),
        false => format!("{name}@={version}"),
    };
    let (kind, prefix, using) = match &package.manifest.plugin {
        None => ("pool", "drs-pool", format!("drs route --pool {wanted} photo.png")),
        Some(plugin) => (
            "plugin",
            "drs-expert",
            format!("drs expert inspect {plugin}    # in experts.toml: plugin = \"{plugin}\""),
        ),
    };
    let distribution = format!("{prefix}-{name}");
    let about = match description.is_empty() {
        true => format!("The {kind} {name} for drs"),
        false => description.clone(),
    };
    let mut consent = String::new();
    let signed = match package.signer() {
        Some(key) => {
            package.check_signature(&key)?;
            consent.push_str(&format!(", trust=\"{key}\""));
            format!(
                "It is signed by the key `{key}`. Compare it with what the publisher says elsewhere: whoever could change this page could change the key on it."
            )
        }
        None if package.is_signed() => {
            bail!("its signature does not name a key; drs expert sign --key FILE signs it again")
        }
        None => {
            consent.push_str(", allow_unsigned=True");
            "Nobody has signed it: nothing tells whose it is.".to_owned()
        }
    };
    if package.holds_code {
        consent.push_str(", allow_native=True");
    }
    Ok(vec![
        ("module", distribution.replace('-', "_")),
        ("distribution", distribution),
        ("name", name.to_string()),
        ("original", version.to_string()),
        ("version", python_version(&version.to_string())?),
        ("file", format!("{name}-{version}.drsx")),
        ("kind", format!("the {kind}")),
        ("kind_begins", format!("The {kind}")),
        ("about", about),
        ("license", license.clone()),
        ("authors", authors(&package.manifest)),
        ("consent", consent),
        ("use", using),
        ("signed", signed),
        ("native", native(package)),
        ("needs", format!("drs-smoothing>={}", python_version(env!("CARGO_PKG_VERSION"))?)),
    ])
}

/// A value as it stands in a file: in pyproject.toml they are strings of TOML.
fn shown(file: &str, values: &Values, name: &str) -> Option<String> {
    let known = |name| values.iter().any(|(known, _)| *known == name);
    let quoted = |text: String| toml::Value::String(text).to_string();
    match (file, name) {
        // A key, and a list that is TOML by now.
        ("pyproject.toml", "package") => Some(value(values, "module")),
        ("pyproject.toml", "authors") => Some(value(values, "authors")),
        ("pyproject.toml", "description") => Some(quoted(value(values, "about"))),
        ("pyproject.toml", name) => known(name).then(|| quoted(value(values, name))),
        (_, name) => known(name).then(|| value(values, name)),
    }
}

fn value(values: &Values, name: &str) -> String {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// As a list of TOML has them.
fn authors(manifest: &Manifest) -> String {
    let quoted = |name: &String| format!("{{ name = {} }}", toml::Value::String(name.clone()));
    manifest.authors.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// What a reader must know of code that is inside.
fn native(package: &Package) -> String {
    if !package.holds_code {
        return String::new();
    }
    let mut text = "\nIt holds code, which can do whatever you can: that is what `allow_native=True` says yes to.\n".to_owned();
    let platforms = package.manifest.variants.iter().map(|variant| format!("`{}`", variant.target));
    let platforms: Vec<String> = platforms.collect();
    if !platforms.is_empty() {
        text.push_str(&format!(
            "The wheel is called `py3-none-any`, although there are libraries in it for {}. That is as it should be: the \
            package holds the libraries of all its platforms, and drs takes those of the machine. On any other platform it \
            refuses to install the package.\n",
            platforms.join(", ")
        ));
    }
    text
}

/// A version as Python has it (PEP 440): `1.0.0-rc.1` is `1.0.0rc1`.
fn python_version(version: &str) -> anyhow::Result<String> {
    let Some((release, stage)) = version.split_once('-') else {
        return Ok(version.to_owned());
    };
    let (stage, number) = stage.split_once('.').unwrap_or_default();
    let stage = match stage {
        "alpha" => "a",
        "beta" => "b",
        "rc" => "rc",
        _ => "",
    };
    if stage.is_empty() || number.parse::<u64>().is_err() {
        bail!(
            "version: {version} found, which Python has no word for; expected {release}, or {release} with -alpha.1, -beta.1 or -rc.1 and any number. Pack it with such a --version"
        );
    }
    Ok(format!("{release}{stage}{number}"))
}

/// Never over a file that is there. How many bytes.
fn write(path: &Path, from: &mut dyn Read) -> anyhow::Result<u64> {
    let mut written = || -> io::Result<u64> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        io::copy(from, &mut File::create_new(path)?)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_python() {
        let python = python_version;
        assert_eq!(python("1.2.3").unwrap(), "1.2.3");
        assert_eq!(python("1.2.3-rc.1").unwrap(), "1.2.3rc1");
        assert_eq!(python("1.2.3-alpha.20").unwrap(), "1.2.3a20");
        for other in ["1.0.0-dev.1", "1.0.0-beta", "1.0.0-rc1", "1.0.0-rc.x", "1.0.0-rc.1.2"] {
            let problem = python(other).unwrap_err().to_string();
            assert!(problem.contains(other) && problem.contains("-rc.1"), "{problem}");
        }
    }
}
