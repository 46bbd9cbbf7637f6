//! The binary version: label bytes and pixels, image after image.

use super::{Batch, PIXELS};

/// `labels` bytes come before the pixels, the last of them is the class.
pub(super) fn batch(bytes: &[u8], labels: usize) -> Result<Batch, String> {
    let row = labels + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(row) {
        let size = bytes.len();
        return Err(format!(
            "{size} bytes, expected a multiple of {row}: {labels} for the label and {PIXELS} pixels for each image"
        ));
    }
    let mut batch = Batch::default();
    for image in bytes.chunks_exact(row) {
        let (head, image) = image.split_at(labels);
        batch.labels.push(usize::from(head[labels - 1]));
        batch.pixels.extend_from_slice(image);
    }
    Ok(batch)
}

/// A name on each line.
pub(super) fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let lines = std::str::from_utf8(bytes).ok()?.lines().map(str::trim);
    Some(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
