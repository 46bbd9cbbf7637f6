//! What the expert says of itself.

use std::collections::HashSet;

use drs_plugins_api::{Manifest, PluginInfo};

use super::{Shortfall, fail};
use crate::lab::Lab;
use crate::noise::Noise;
use crate::report::Measure;

pub(super) fn manifest(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    about(lab)?;
    let expert = lab.open()?;
    let read = || expert.manifest().map_err(|error| fail(error, "a manifest that can be read"));
    let manifest = read()?;
    check(lab, &manifest)?;
    lab.votes_as_ever(&expert, 0, "at the first call")?;
    for _ in 0..2 {
        let later = read()?;
        if later != manifest {
            return Err(fail(format!("later {later:?}"), format!("{manifest:?} at every call")));
        }
    }
    Ok(())
}

fn about(lab: &Lab<'_>) -> Result<(), Shortfall> {
    let text = (lab.subject.module.about())();
    let expected = "a name and a version";
    match serde_json::from_str::<PluginInfo>(text.as_str()) {
        Ok(info) if !info.name.is_empty() && !info.version.is_empty() => Ok(()),
        Ok(_) => Err(fail(text.as_str(), expected)),
        Err(error) => Err(fail(format!("{error} in \"{text}\" about the plugin"), expected)),
    }
}

fn check(lab: &Lab<'_>, manifest: &Manifest) -> Result<(), Shortfall> {
    let Manifest { sigma, shape, classes, preferred_batch, files, .. } = manifest;
    if let Err(problem) = Noise::new(*sigma, lab.subject.levels) {
        return Err(fail(problem, "a sigma above 0 that fits the lattice"));
    }
    if *shape != lab.subject.shape {
        let expected = format!("{:?}, for which it was opened", lab.subject.shape);
        return Err(fail(format!("shape {shape:?}"), expected));
    }
    let distinct: HashSet<&String> = classes.iter().collect();
    if distinct.len() < 2 || distinct.len() != classes.len() {
        return Err(fail(format!("classes {classes:?}"), "two or more, each of its own name"));
    }
    if *preferred_batch == 0 {
        return Err(fail("a preferred batch of 0", "1 or more"));
    }
    if !manifest.has_possible_tolerance() {
        let expected = format!("0 to {}", Manifest::MOST_TOLERANCE);
        return Err(fail(format!("a tolerance of {}", manifest.tolerance), expected));
    }
    match files.iter().find(|file| !file.is_file()) {
        Some(file) => Err(fail(format!("no file {}", file.display()), "files that exist")),
        None => Ok(()),
    }
}
