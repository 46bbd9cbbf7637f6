//! Values in JSON, nested as the tensor is or flat.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// All values in their order, whatever lists they are in.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) numbers: Vec<f64>,
    pub(super) texts: Vec<String>,
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        Push(&mut flat).deserialize(deserializer)?;
        Ok(flat)
    }
}

/// Puts what comes next behind what is there.
struct Push<'a>(&'a mut Flat);

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Push<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers or texts, in lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Push(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.numbers.push(number);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.texts.push(text.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_does_not_matter() {
        let flat = |text: &str| serde_json::from_str::<Flat>(text).map(|flat| flat.numbers).ok();
        assert_eq!(flat("[[1, 2.5], [[-3]]]"), Some(vec![1.0, 2.5, -3.0]));
        assert_eq!(flat("[1, 2.5, -3]"), flat("[[[1]], [2.5, -3]]"));
        assert_eq!(serde_json::from_str::<Flat>(r#"["a", ["b"]]"#).unwrap().texts, ["a", "b"]);
        assert_eq!((flat("[true]"), flat("[null]"), flat("{}")), (None, None, None));
        assert_eq!(flat(&"[".repeat(100_000)), None);
    }
}
