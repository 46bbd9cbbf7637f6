//! The python version: pickled dicts of an array and lists.

use drs_checkpoint::{Array, Plain, read_dict};

use super::{Batch, PIXELS};

/// `data`, n×3072 bytes, and a list of n classes under the key `labels`.
pub(super) fn batch(bytes: &[u8], labels: &str) -> Result<Batch, String> {
    let mut dict = read_dict(bytes)?;
    let keys = dict.keys().cloned().collect::<Vec<_>>().join(", ");
    let mut take =
        |key: &str| dict.remove(key).ok_or_else(|| format!("no `{key}` found, only: {keys}"));
    let wrong =
        |key: &str, found: &str, expected: &str| format!("`{key}` is {found}, expected {expected}");
    let classes = match take(labels)? {
        Plain::Ints(classes) => classes,
        other => return Err(wrong(labels, &other.to_string(), "a list of classes")),
    };
    let class = |class: i64| {
        usize::try_from(class).map_err(|_| wrong(labels, &class.to_string(), "classes from 0"))
    };
    let labels: Vec<usize> = classes.into_iter().map(class).collect::<Result<_, _>>()?;
    let data = match take("data")? {
        Plain::Array(data) => data,
        other => return Err(wrong("data", &other.to_string(), "a NumPy array")),
    };
    // The number of bytes tells uint8 from wider types.
    let count = labels.len();
    if count == 0 || data.shape != [count, PIXELS] || data.bytes.len() != count * PIXELS {
        let found = format!("an array of shape {:?} in {} bytes", data.shape, data.bytes.len());
        return Err(wrong("data", &found, &format!("uint8 of shape [{count}, {PIXELS}]")));
    }
    Ok(Batch { pixels: rows(data, count), labels })
}

/// The elements row by row.
fn rows(data: Array, count: usize) -> Vec<u8> {
    if !data.fortran_order {
        return data.bytes;
    }
    let row = |image: usize| (0..PIXELS).map(move |pixel| pixel * count + image);
    (0..count).flat_map(row).map(|place| data.bytes[place]).collect()
}

/// The list under the key `names`.
pub(super) fn names(bytes: &[u8], names: &str) -> Option<Vec<String>> {
    match read_dict(bytes).ok()?.remove(names)? {
        Plain::Texts(names) => Some(names),
        _ => None,
    }
}
