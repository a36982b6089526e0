//! Random scripts under numbered seeds, so that a failure can be repeated.

#![allow(clippy::disallowed_methods, reason = "the environment sets the size of a test")]

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Reads a number from the environment: other seeds, or less work for mutation testing.
pub(crate) fn env_number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs a hundred scripts of a seed. A script for which `live` panics is shortened as far as
/// possible and shown.
pub(crate) fn check_scripts<S: Strategy>(seed: u64, scripts: &S, live: impl Fn(S::Value)) {
    let config = Config {
        cases: 100,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(scripts, |script| {
        live(script);
        Ok(())
    });
    assert!(outcome.is_ok(), "seed {seed}: {}", outcome.expect_err("a failure"));
}
