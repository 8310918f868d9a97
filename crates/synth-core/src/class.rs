//! Classes and votes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::CoreError;

/// The largest number of classes: ids are 16 bits wide and one value stays free as a sentinel.
pub const MAX_CLASSES: usize = u16::MAX as usize;

/// The position of a class in its [`ClassSet`], from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u16);

impl ClassId {
    /// The class at `index`. Whether a class set has it is checked where the two meet.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The position, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What one labeling function says of one record: a class, or nothing.
///
/// Abstaining is `None`, so inside a labeling function `?` on a missing value abstains.
pub type Vote = Option<ClassId>;

/// The classes of a task, in order. Cheap to clone.
///
/// ```
/// use synth_core::ClassSet;
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// assert_eq!(classes.len(), 2);
/// assert_eq!(classes.name(classes.id("spam").unwrap()), "spam");
/// assert!(ClassSet::new(["ham", "ham"]).is_err());
/// # Ok::<(), synth_core::CoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClassSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    names: Vec<String>,
    ids: FxHashMap<String, ClassId>,
}

impl ClassSet {
    /// A class set of these names, in this order.
    ///
    /// # Errors
    /// No name, more than [`MAX_CLASSES`], a name given twice, empty or spanning lines.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, CoreError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() {
            return Err(CoreError::NoClasses);
        }
        if names.len() > MAX_CLASSES {
            return Err(CoreError::TooManyClasses { got: names.len() });
        }
        check_names("class", &names)?;
        let ids = names.iter().enumerate().map(|(i, name)| (name.clone(), ClassId(i as u16))).collect();
        Ok(Self(Arc::new(Inner { names, ids })))
    }

    /// The number of classes, k.
    #[expect(clippy::len_without_is_empty, reason = "a class set is never empty")]
    pub fn len(&self) -> usize {
        self.0.names.len()
    }

    /// The class of this name.
    pub fn id(&self, name: &str) -> Option<ClassId> {
        self.0.ids.get(name).copied()
    }

    /// The class at this position, if there is one.
    pub fn at(&self, index: usize) -> Option<ClassId> {
        (index < self.len()).then_some(ClassId(index as u16))
    }

    /// The name of a class of this set.
    ///
    /// # Panics
    /// If the id comes from a larger class set.
    pub fn name(&self, id: ClassId) -> &str {
        &self.0.names[id.index()]
    }

    /// All names in order.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// All ids in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ClassId> + use<> {
        (0..self.len() as u16).map(ClassId)
    }
}

impl PartialEq for ClassSet {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for ClassSet {}

/// Refuses names that are empty, hold line ends or other control characters, or stand twice.
pub(crate) fn check_names(what: &'static str, names: &[String]) -> Result<(), CoreError> {
    let mut seen = rustc_hash::FxHashSet::default();
    for (i, name) in names.iter().enumerate() {
        if name.trim().is_empty() || name.contains(char::is_control) {
            return Err(CoreError::BadName { what, position: i + 1, name: name.clone() });
        }
        if !seen.insert(name.as_str()) {
            return Err(CoreError::DuplicateName { what, name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let none: [&str; 0] = [];
        assert_eq!(ClassSet::new(none).unwrap_err(), CoreError::NoClasses);
        assert!(matches!(ClassSet::new(["a", " "]), Err(CoreError::BadName { position: 2, .. })));
        assert!(matches!(ClassSet::new(["a", "b\u{1b}[1m"]), Err(CoreError::BadName { position: 2, .. })));
        assert!(matches!(ClassSet::new(["a", "b", "a"]), Err(CoreError::DuplicateName { .. })));
        let many = (0..MAX_CLASSES + 1).map(|i| i.to_string());
        assert!(matches!(ClassSet::new(many), Err(CoreError::TooManyClasses { .. })));
    }

    #[test]
    fn one_class_is_a_class_set() {
        let classes = ClassSet::new(["only"]).unwrap();
        assert_eq!(classes.ids().collect::<Vec<_>>(), [ClassId::new(0)]);
        assert_eq!(classes.at(1), None);
    }
}
