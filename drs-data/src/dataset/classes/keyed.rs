//! Names that are found by something that they share.

use std::collections::HashMap;
use std::hash::Hash;

/// The experts' class for each name of the data set's list, if there is one.
pub(super) type Places = Vec<Option<usize>>;

pub(super) struct Keyed<'a> {
    pub(super) list: &'a [String],
    /// Whether a label has the name.
    pub(super) used: &'a [bool],
    pub(super) experts: &'a [String],
}

impl Keyed<'_> {
    /// The class whose key is the name's; `None` if a name that is used has none, or shares it.
    pub(super) fn places<K: Hash + Eq>(&self, key: impl Fn(&str) -> Option<K>) -> Option<Places> {
        // Classes of one key are told apart by nothing.
        let mut classes: HashMap<K, Option<usize>> = HashMap::new();
        for (class, expert) in self.experts.iter().enumerate() {
            if let Some(key) = key(expert) {
                classes.entry(key).and_modify(|class| *class = None).or_insert(Some(class));
            }
        }
        let mut is_taken = vec![false; self.experts.len()];
        let place = |(name, used): (&String, &bool)| {
            let class = key(name).and_then(|key| classes.get(&key).copied().flatten());
            match class {
                Some(class) if *used => {
                    (!std::mem::replace(&mut is_taken[class], true)).then_some(Some(class))
                }
                None if *used => None,
                class => Some(class),
            }
        };
        self.list.iter().zip(self.used).map(place).collect()
    }
}
