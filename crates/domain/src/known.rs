/// A fact that is present, known to be absent, or not observed.
///
/// The three are different answers. `Absent` means that a query found no value. `Unseen` means that
/// there was no successful query, and gives the reason. Neither of them is a zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// The value.
    Is(T),
    /// Queried, and not there.
    Absent,
    /// Not queried, or the query failed; the reason is a lowercase fragment.
    Unseen(String),
}

impl<T> Known<T> {
    /// Returns the value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Is(value) => Some(value),
            Known::Absent | Known::Unseen(_) => None,
        }
    }
}
