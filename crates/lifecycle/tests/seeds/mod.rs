//! Random scripts under numbered seeds, so that a failure comes again: the suite runs the first ones.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// A number from the environment: for other seeds, and for less work under mutation testing.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs a hundred scripts of a seed. One at which `live` panics is made as short as it can be, and shown.
pub(crate) fn hold<S: Strategy>(seed: u64, scripts: &S, live: impl Fn(S::Value)) {
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
