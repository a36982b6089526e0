//! Failures for flags that have no effect.

use console::Failure;

/// Returns the failure for a flag without effect.
pub(crate) fn flag_without_effect(flag: &str) -> Failure {
    Failure::usage(format!("{flag} has no effect here"))
}

/// Returns the failure for `--as-of` without a named question.
pub(crate) fn as_of_without_effect() -> Failure {
    Failure::usage("--as-of has no effect here: it applies only to truffle's own questions")
        .hint("filter a table that ends in _history by valid_from and valid_until")
}
