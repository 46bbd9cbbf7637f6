//! What drs cannot know: that the model is the right one. `ci.sh` tries the rules of drs.

use std::path::Path;

use super::*;

fn expert(file: &str) -> Expert {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(file);
    let model = Model::read(&path).unwrap_or_else(|error| panic!("{error}"));
    Expert { model, path }
}

/// Votes for two images of 2x2 pixels with 8 bits each.
fn votes(expert: &Expert, images: [[i16; 4]; 2]) -> Result<[u32; 2], Error> {
    let lattice = images.concat();
    let mut votes = [u32::MAX; 2];
    expert.vote(
        &Batch::new(&lattice, 2, expert.model.shape, 255)?,
        &mut votes,
    )?;
    Ok(votes)
}

#[test]
fn dark_and_bright_images_are_told_apart() {
    let images = [[0, 10, 20, 30], [255, 200, 240, 230]];
    assert_eq!(votes(&expert("mean.json"), images), Ok([0, 1]));
    assert_eq!(
        votes(&expert("mean.json"), [images[1], images[0]]),
        Ok([1, 0])
    );
}

#[test]
fn ties_go_to_the_lowest_class() {
    assert_eq!(votes(&expert("ties.json"), [[0; 4], [255; 4]]), Ok([0, 0]));
}

#[test]
fn an_output_that_is_not_finite_is_an_error() {
    let error = votes(&expert("overflow.json"), [[0; 4], [255; 4]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NonFinite);
}

#[test]
fn a_model_that_is_missing_is_named() {
    let error = Model::read(Path::new("no-such-model.json")).err().unwrap();
    assert!(error.to_string().contains("no-such-model.json"), "{error}");
}
