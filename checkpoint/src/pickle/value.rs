//! What a pickle builds.

use crate::error::shown;
use crate::tensor::Dtype;

use super::globals::Global;

/// Where a value is in its [`Heap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(u32);

/// A Python value, as far as a checkpoint needs it.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i128),
    Float,
    Str(&'a str),
    Bytes(&'a [u8]),
    /// The bytes whose values are this text's code points. They are made where they are used:
    /// a file may name one text in many places.
    Latin1(Id),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// In the order of insertion; of equal keys the last counts.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage<'a>>),
    Tensor(Box<TensorRef>),
    /// A NumPy array, by the state that its pickle gives it.
    Array(Option<Id>),
    /// Something without a meaning for us, by the name of its type.
    Opaque(&'static str),
}

/// A tensor's memory, which lies elsewhere in the file.
#[derive(Debug)]
pub(crate) struct Storage<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) key: &'a str,
    /// Elements of the whole storage.
    pub(crate) elements: usize,
    /// First element and number of elements, for a view of a part.
    pub(crate) view: Option<(usize, usize)>,
}

/// A tensor as the pickle describes it, unchecked. Sizes are not copied: many
/// tensors may refer to one long tuple.
#[derive(Debug)]
pub(crate) struct TensorRef {
    pub(crate) storage: Id,
    pub(crate) offset: Id,
    pub(crate) shape: Id,
    pub(crate) strides: Id,
}

/// All values of one pickle in a flat list. Values refer to each other by their
/// place in it, so values that contain themselves, or share parts many times,
/// cost nothing; and nothing is dropped recursively.
#[derive(Debug, Default)]
pub(crate) struct Heap<'a>(Vec<Value<'a>>);

impl<'a> Heap<'a> {
    /// Each value costs the file at least a byte, and us some fifty. A real
    /// checkpoint has thousands.
    pub(super) const MOST: usize = 1 << 22;

    pub(crate) fn push(&mut self, value: Value<'a>) -> Result<Id, String> {
        if self.0.len() >= Self::MOST {
            return Err(format!(
                "it holds more than {} Python values besides its tensors, which no checkpoint needs",
                Self::MOST
            ));
        }
        let id = u32::try_from(self.0.len()).map_err(|e| e.to_string())?;
        self.0.push(value);
        Ok(Id(id))
    }

    pub(crate) fn get(&self, id: Id) -> &Value<'a> {
        self.0.get(id.0 as usize).unwrap_or(&Value::None)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Value<'a>> {
        self.0.get_mut(id.0 as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value<'a>> {
        self.0.iter()
    }

    pub(crate) fn str(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn storage(&self, id: Id) -> Option<&Storage<'a>> {
        match self.get(id) {
            Value::Storage(storage) => Some(storage),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a key of a dict.
    pub(crate) fn entry(&self, dict: &[(Id, Id)], key: &str) -> Option<&Value<'a>> {
        let (_, value) = dict.iter().rev().find(|(name, _)| self.str(*name) == Some(key))?;
        Some(self.get(*value))
    }

    /// A few words for errors.
    pub(crate) fn describe(&self, value: &Value<'a>) -> String {
        match value {
            Value::None => "None".to_owned(),
            Value::Bool(_) => "a bool".to_owned(),
            Value::Int(number) => format!("the int {number}"),
            Value::Float => "a float".to_owned(),
            Value::Str(text) => format!("the str '{}'", shown(text)),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Dict(items) if items.is_empty() => "an empty dict".to_owned(),
            Value::Dict(items) => {
                let name = |id: &Id| match self.get(*id) {
                    Value::Str(text) => format!("'{}'", shown(text)),
                    Value::Int(number) => number.to_string(),
                    _ => "…".to_owned(),
                };
                let mut names: Vec<String> =
                    items.iter().take(8).map(|(key, _)| name(key)).collect();
                if items.len() > names.len() {
                    names.push(format!("… ({} in all)", items.len()));
                }
                format!("a dict with the keys {}", names.join(", "))
            }
            Value::Global(_) => "a class or function".to_owned(),
            Value::Storage(_) => "a storage".to_owned(),
            Value::Tensor(_) => "a tensor".to_owned(),
            Value::Bytes(_) | Value::Latin1(_) => "a value of type bytes".to_owned(),
            Value::Array(_) => "a value of type numpy.ndarray".to_owned(),
            Value::Opaque(name) => format!("a value of type {name}"),
        }
    }
}
