//! Measures the outlook of spot prices and the choice of a region on real prices: `cargo xtask
//! bench money` builds it with optimization and prepares the file of weekly prices.
//!
//! Usage: `money outlook|arbitrage FILE`. The file has one line for each series and week: instance
//! type, region, zone, week, price. The price of a week is the last one observed in it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement prints and reads files"
)]

mod arbitrage;
mod outlook;
mod prices;

use std::process::ExitCode;

use crate::prices::PriceTable;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let measure = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["outlook", file] => PriceTable::read(file).map(|table| outlook::measure(&table)),
        ["arbitrage", file] => PriceTable::read(file).map(|table| arbitrage::measure(&table)),
        _ => Err("expected outlook FILE or arbitrage FILE".to_string()),
    };
    match measure {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

/// Prints a figure beside its bar, and returns whether it is met.
pub(crate) fn check(name: &str, value: f64, least: f64, most: f64) -> bool {
    let is_met = (least..=most).contains(&value);
    let result = if is_met { "met" } else { "NOT MET" };
    println!("| {name} | {value:.3} | {least} to {most} | {result} |");
    is_met
}
