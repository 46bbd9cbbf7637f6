//! The safetensors format.

use std::collections::BTreeMap;

use ::safetensors::{Dtype as Theirs, SafeTensorError, SafeTensors};

use crate::error::shown;
use crate::tensor::{Dtype, Tensor};
use crate::{Checkpoint, StateDict};

/// Whether the file begins as this format does: the header's length, then JSON.
pub(crate) fn is(bytes: &[u8]) -> bool {
    // A length above 4 GiB is no header, and the byte after it settles the rest.
    matches!(bytes, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

pub(crate) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let broken = |error: SafeTensorError| match error {
        SafeTensorError::InvalidHeaderLength | SafeTensorError::MetadataIncompleteBuffer => {
            let found = bytes.len();
            format!(
                "truncated or damaged at byte {found}: a safetensors file whose size is not what its header says; download or copy it again"
            )
        }
        error => format!("not a readable safetensors file: {error}"),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let metadata: BTreeMap<String, String> =
        header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut tensors = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(broken)?.iter() {
        let fail = |problem: &str| format!("tensor `{}`: {problem}", shown(name));
        let dtype = dtype(view.dtype()).ok_or_else(|| {
            fail(&format!("its type is {}, expected a plain float, integer or bool", view.dtype()))
        })?;
        let tensor = Tensor::new(dtype, view.shape().to_vec(), view.data().to_vec())
            .ok_or_else(|| fail("its data has not the length of its shape"))?;
        tensors.insert(name.to_owned(), tensor);
    }
    let sets = vec![StateDict { key: String::new(), tensors: Ok(tensors) }];
    Ok(Checkpoint { arch: metadata.get("arch").cloned(), metadata, sets })
}

fn dtype(theirs: Theirs) -> Option<Dtype> {
    Some(match theirs {
        Theirs::F64 => Dtype::F64,
        Theirs::F32 => Dtype::F32,
        Theirs::F16 => Dtype::F16,
        Theirs::BF16 => Dtype::BF16,
        Theirs::I64 => Dtype::I64,
        Theirs::I32 => Dtype::I32,
        Theirs::I16 => Dtype::I16,
        Theirs::I8 => Dtype::I8,
        Theirs::U8 => Dtype::U8,
        Theirs::BOOL => Dtype::Bool,
        _ => return None,
    })
}
