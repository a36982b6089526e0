//! A sandbox with the built-in facts, for `tests/load.py` and for manual trials: `cargo run -p
//! sandbox --example serve [PORT [SCENARIO]]`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "an example is a program of its own"
)]

use std::sync::Arc;

use domain::Timestamp;
use sandbox::{Sandbox, SandboxOptions, Scenario};

#[expect(clippy::disallowed_methods, reason = "an example is a program of its own")]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn main() {
    let mut options = SandboxOptions::new(Arc::new(clock));
    options.port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(4580);
    let scenario = std::env::args().nth(2).map(|path| std::fs::read_to_string(path).expect("a file"));
    let scenario = scenario.unwrap_or("throttling: false\nquotas: {L-1216C47A: 1000000}".to_string());
    options.scenario = Scenario::parse(&scenario).expect("a scenario");
    let running = Sandbox::start(options).expect("it starts");
    println!("{} {} {}", running.url, running.access_key, running.secret);
    running.wait();
}
