//! `drs.toml`: what a package says of itself.

use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::path;

/// Its name in a package.
pub(crate) const FILE: &str = "drs.toml";

/// The version of its form.
const FORMAT: u32 = 1;

/// Its length, at the most.
pub(crate) const MOST_BYTES: u64 = 1 << 20;

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// What it is called.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// Under which terms it may be used: an expression of SPDX, such as `MIT OR Apache-2.0`.
    pub license: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// A sentence about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The pool that is in it, or …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// … what experts.toml calls the plugin that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Native code in it, for one platform each.
    #[serde(default, rename = "variant", skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// What certificates with it say.
    #[serde(default, rename = "metric", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// A pool: an experts.toml and what it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Where its experts.toml is.
    pub experts: String,
    /// Channels, height, width of its inputs.
    pub shape: [usize; 3],
    /// What the experts tell apart.
    pub classes: Vec<String>,
    /// Its models: the router and the experts.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// A model of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// `router`, or the expert's name.
    pub name: String,
    /// The noise level that it was made for.
    pub sigma: f64,
    /// The plugin that runs it.
    pub plugin: String,
}

/// Native code for one platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The platform, as Rust calls it: `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// The version of the plugin interface that it was built against.
    pub interface: String,
    /// The library's path.
    pub library: String,
    /// What it must find at run time, with its version: `libtorch 2.11`, `glibc 2.31`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// What certificates with a pool say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The data that were certified.
    pub data: String,
    /// How many inputs.
    pub inputs: u64,
    /// By which method.
    pub method: String,
    /// How often a certificate may be wrong.
    pub alpha: f64,
    /// L2 radii.
    pub radii: Vec<f64>,
    /// The share that is classified rightly within each.
    pub certified_accuracy: Vec<f64>,
}

impl Manifest {
    /// One of a form that is known, with nothing in it yet.
    #[must_use]
    pub fn new(name: Name, version: Version, license: String) -> Self {
        Self {
            format: FORMAT,
            name,
            version,
            license,
            authors: Vec::new(),
            description: String::new(),
            pool: None,
            plugin: None,
            variants: Vec::new(),
            metrics: Vec::new(),
        }
    }

    /// Reads one.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| format!("{FILE}: {error}"))?;
        let manifest: Self = toml::from_str(text)
            .map_err(|error| format!("{FILE}: {}", error.to_string().trim()))?;
        manifest.check().map_err(|problem| format!("{FILE}: {problem}"))?;
        Ok(manifest)
    }

    /// Whether it can be one.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "format: {} found, expected {FORMAT}: a newer drs may read it",
                self.format
            ));
        }
        if !self.version.build.is_empty() {
            return Err(format!(
                "version: {} found, expected none with a part behind '+': it would be the same version",
                self.version
            ));
        }
        // They are shown to whoever is asked for consent.
        let shown = [&self.license, &self.description].into_iter().chain(&self.authors);
        let shown =
            shown.chain(self.metrics.iter().flat_map(|metric| [&metric.data, &metric.method]));
        for text in shown {
            if text.chars().any(char::is_control) || text.len() > 1000 {
                return Err(format!(
                    "{:?}: expected one line of up to 1000 bytes",
                    text.chars().take(40).collect::<String>()
                ));
            }
        }
        if self.license.is_empty() {
            return Err("license: empty, expected one such as MIT".to_owned());
        }
        for (place, metric) in self.metrics.iter().enumerate() {
            metric.check().map_err(|problem| format!("metric[{place}].{problem}"))?;
        }
        for (place, variant) in self.variants.iter().enumerate() {
            let field = |problem: String| format!("variant[{place}]: {problem}");
            path::check(&variant.library).map_err(field)?;
            path::check(&variant.target).map_err(field)?;
            if self.variants[..place].iter().any(|other| other.target == variant.target) {
                return Err(field(format!("{} is there already", variant.target)));
            }
        }
        match (&self.pool, &self.plugin) {
            (Some(pool), None) => {
                path::check(&pool.experts).map_err(|problem| format!("pool.experts: {problem}"))?;
                if pool.models.is_empty() {
                    return Err("pool.model: none found, expected each of its models".to_owned());
                }
                Ok(())
            }
            (None, Some(plugin)) if !drs_core::text::is_name(plugin) => {
                Err(format!("plugin: {plugin:?} found, expected a name"))
            }
            (None, Some(_)) if self.variants.is_empty() => {
                Err("variant: none found, expected one at least".to_owned())
            }
            (None, Some(_)) => Ok(()),
            _ => Err("pool and plugin: expected one of them".to_owned()),
        }
    }

    /// The native code for a platform.
    #[must_use]
    pub fn variant(&self, target: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.target == target)
    }

    /// The file that a pool is opened by.
    #[must_use]
    pub fn experts(&self) -> Option<&Path> {
        self.pool.as_ref().map(|pool| Path::new(&pool.experts))
    }

    /// As it is written.
    ///
    /// # Errors
    /// If it is none.
    pub fn text(&self) -> Result<String, String> {
        self.check()?;
        toml::to_string_pretty(self).map_err(|error| error.to_string())
    }
}

impl Metric {
    /// Whether it can be one.
    fn check(&self) -> Result<(), String> {
        let is_share = |value: &f64| (0.0..=1.0).contains(value);
        if !is_share(&self.alpha) {
            return Err(format!("alpha: {} found, expected 0 to 1", self.alpha));
        }
        if let Some(radius) = self.radii.iter().find(|radius| !radius.is_finite() || **radius < 0.0)
        {
            return Err(format!("radii: {radius} found, expected 0 or more"));
        }
        if let Some(share) = self.certified_accuracy.iter().find(|share| !is_share(share)) {
            return Err(format!("certified_accuracy: {share} found, expected 0 to 1"));
        }
        let (radii, shares) = (self.radii.len(), self.certified_accuracy.len());
        match radii == shares {
            true => Ok(()),
            false => Err(format!(
                "certified_accuracy: {shares} found, expected one for each of {radii} radii"
            )),
        }
    }
}
