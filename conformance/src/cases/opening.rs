//! Opening with something unexpected.

use drs_core::pattern;
use drs_plugins_api::ErrorKind;

use super::errors::no_panic;
use super::{Shortfall, fail, same_votes, skip, told};
use crate::expert::Expert;
use crate::lab::Lab;
use crate::report::Measure;

/// A field that no configuration has.
const FIELD: &str = "no_plugin_has_this_field";
/// Inputs of the other shape.
const ROWS: usize = 12;

/// A model for one shape must not be used for another. A plugin without a shape
/// of its own may take both; then it must tell rows of the other shape apart.
pub(super) fn other_shape(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let [channels, height, width] = lab.subject.shape;
    let shape = [channels + 1, height, width];
    let what = format!("shape {shape:?}");
    let expert = match Expert::open(lab.subject, &lab.subject.config, shape) {
        Err(error) => return no_panic(Err(error), &what),
        Ok(expert) => expert,
    };
    let manifest = expert.manifest().map_err(|error| fail(error, "a manifest that can be read"))?;
    if manifest.shape != shape {
        return Ok(());
    }
    let mut inputs: Vec<i16> =
        (0..ROWS).flat_map(|row| pattern(row, shape, lab.subject.levels)).collect();
    let mut votes = match expert.vote(&inputs, ROWS) {
        Ok(votes) => votes,
        Err(error) => return no_panic(Err(error), &what),
    };
    let classes = manifest.classes.len();
    if let Some(vote) = votes.iter().find(|&&vote| vote as usize >= classes) {
        return Err(fail(format!("a vote for class {vote}"), format!("an index below {classes}")));
    }
    inputs.rotate_left(shape.iter().product());
    votes.rotate_left(1);
    let when = format!("between rows of {what}, which the manifest promises to take,");
    same_votes(&expert.vote(&inputs, ROWS)?, &votes, &when)
}

pub(super) fn unknown_field(lab: &Lab<'_>, _: &mut Vec<Measure>) -> Result<(), Shortfall> {
    let mut config = lab.subject.config.clone();
    let Some(fields) = config.as_object_mut() else {
        return Err(skip("the configuration is no table"));
    };
    fields.insert(FIELD.to_owned(), true.into());
    let expected = format!("an error of kind Config that names the field {FIELD}");
    match Expert::open(lab.subject, &config, lab.subject.shape) {
        Ok(_) => Err(fail("an opened expert", expected)),
        Err(error) if error.kind() != ErrorKind::Config => Err(fail(told(&error), expected)),
        Err(error) if !error.to_string().contains(FIELD) => Err(fail(told(&error), expected)),
        Err(_) => Ok(()),
    }
}
