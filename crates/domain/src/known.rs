/// A fact that may be there, may be known not to be there, or could not be seen.
///
/// The three are different answers: `Absent` says that somebody looked and there is none;
/// `Unseen` says that nobody could look, and why. Neither of them is a zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// The value.
    Is(T),
    /// Looked for, and not there.
    Absent,
    /// Not looked for, or the look failed; the reason is a lowercase fragment.
    Unseen(String),
}

impl<T> Known<T> {
    /// The value, when there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Is(value) => Some(value),
            Known::Absent | Known::Unseen(_) => None,
        }
    }
}
