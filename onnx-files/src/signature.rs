//! What a model takes and gives, as its file says.

use std::collections::HashMap;
use std::fmt;

use rten_onnx::onnx::{DataType, GraphProto, StringStringEntryProto, ValueInfoProto};

/// What goes into a model, what comes out of it, and what it says about itself.
#[derive(Debug, Clone, Default)]
pub struct Signature {
    /// Inputs that must be given: weights that old files list among them are none.
    pub inputs: Vec<Port>,
    /// Outputs in order.
    pub outputs: Vec<Port>,
    /// Metadata properties, such as `drs.sigma`.
    pub metadata: HashMap<String, String>,
}

impl Signature {
    /// The shape of one image, channels first, where the file states it beyond doubt: one input of four
    /// dimensions, of which the last three are fixed and one can be channels (1, 3 or 4).
    #[must_use]
    pub fn image(&self) -> Option<[usize; 3]> {
        let [port] = &*self.inputs else { return None };
        let [_, one, two, three] = &**port.dims.as_ref()? else { return None };
        let fixed = |dim: &Dim| match dim {
            Dim::Fixed(size) => Some(*size),
            _ => None,
        };
        let [one, two, three] = [fixed(one)?, fixed(two)?, fixed(three)?];
        let channels = |size: usize| [1, 3, 4].contains(&size);
        match (channels(one), channels(three)) {
            (true, false) => Some([one, two, three]),
            (false, true) => Some([three, one, two]),
            _ => None,
        }
    }
}

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub element: Element,
    /// Its dimensions, where they are declared.
    pub dims: Option<Vec<Dim>>,
}

/// What the values of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Not declared.
    Unknown,
    /// `float32`
    F32,
    /// `float16`
    F16,
    /// `bfloat16`
    BF16,
    /// `float64`
    F64,
    /// Integers, by ONNX's name of their kind.
    Integer(&'static str),
    /// Texts.
    Text,
    /// A kind that no classifier takes or gives.
    Other,
    /// No tensor: a sequence or a map.
    Container,
}

/// One dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Any size, with the name that the file gives it.
    Free(String),
}

impl Signature {
    /// What a graph and its metadata say.
    pub(crate) fn of(graph: &GraphProto, metadata: &[StringStringEntryProto]) -> Self {
        let weights = || graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
        let given = |input: &&ValueInfoProto| {
            let name = input.name.as_deref().unwrap_or_default();
            !weights().any(|weight| weight == name)
        };
        let told =
            metadata.iter().filter_map(|entry| Some((entry.key.clone()?, entry.value.clone()?)));
        Self {
            inputs: graph.input.iter().filter(given).map(Port::of).collect(),
            outputs: graph.output.iter().map(Port::of).collect(),
            metadata: told.collect(),
        }
    }
}

impl Port {
    fn of(value: &ValueInfoProto) -> Self {
        let name = value.name.clone().unwrap_or_default();
        let Some(kind) = &value.r#type else {
            return Self { name, element: Element::Unknown, dims: None };
        };
        let Some(tensor) = &kind.tensor_type else {
            return Self { name, element: Element::Container, dims: None };
        };
        let dims = tensor.shape.as_ref().map(|shape| {
            let dim = |dim: &rten_onnx::onnx::Dimension| match dim
                .dim_value
                .and_then(|size| usize::try_from(size).ok())
            {
                Some(size) => Dim::Fixed(size),
                None => Dim::Free(dim.dim_param.clone().unwrap_or_else(|| "?".to_owned())),
            };
            shape.dim.iter().map(dim).collect()
        });
        Self { name, element: tensor.elem_type.map_or(Element::Unknown, Element::of), dims }
    }
}

impl Element {
    fn of(kind: DataType) -> Self {
        match kind {
            DataType::FLOAT => Self::F32,
            DataType::FLOAT16 => Self::F16,
            DataType::BFLOAT16 => Self::BF16,
            DataType::DOUBLE => Self::F64,
            DataType::UINT8 => Self::Integer("uint8"),
            DataType::INT8 => Self::Integer("int8"),
            DataType::UINT16 => Self::Integer("uint16"),
            DataType::INT16 => Self::Integer("int16"),
            DataType::INT32 => Self::Integer("int32"),
            DataType::INT64 => Self::Integer("int64"),
            DataType::UINT32 => Self::Integer("uint32"),
            DataType::UINT64 => Self::Integer("uint64"),
            DataType::STRING => Self::Text,
            DataType(0) => Self::Unknown,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "of an undeclared kind",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F64 => "float64",
            Self::Integer(name) => name,
            Self::Text => "string",
            Self::Other => "neither numbers nor texts",
            Self::Container => "a sequence or map",
        })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Free(name) => f.write_str(name),
        }
    }
}

/// As `logits [batch, 10] float32`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(dims) = &self.dims {
            let dims: Vec<String> = dims.iter().map(Dim::to_string).collect();
            write!(f, " [{}]", dims.join(", "))?;
        }
        write!(f, " {}", self.element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_an_image_is_told_only_beyond_doubt() {
        let image = |sizes: &[usize]| {
            let dims = sizes.iter().map(|size| match size {
                0 => Dim::Free("any".to_owned()),
                size => Dim::Fixed(*size),
            });
            let port =
                Port { name: "x".to_owned(), element: Element::F32, dims: Some(dims.collect()) };
            Signature { inputs: vec![port], ..Signature::default() }.image()
        };
        assert_eq!(image(&[0, 1, 28, 28]), Some([1, 28, 28]));
        assert_eq!(image(&[64, 3, 32, 40]), Some([3, 32, 40]));
        assert_eq!(image(&[0, 32, 40, 3]), Some([3, 32, 40]));
        for doubtful in [&[0, 3, 32, 3][..], &[0, 8, 32, 32], &[0, 3, 0, 32], &[0, 784]] {
            assert_eq!(image(doubtful), None, "{doubtful:?}");
        }
        assert_eq!(Signature::default().image(), None);
    }
}
