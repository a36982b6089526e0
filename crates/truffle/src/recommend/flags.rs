//! The flags of `truffle recommend` beyond those of `truffle search`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use console::Failure;
use domain::{Decimal, SignedDuration};

use crate::statement::read_rows;

/// The way to pay, the use, and the measured performance.
#[derive(Debug, Clone, Args)]
pub struct PickTermArgs {
    /// Maximum number of rows; 0 means no limit
    #[arg(
        long,
        value_name = "ROWS",
        default_value_t = 10,
        allow_negative_numbers = true,
        value_parser = read_rows,
        help_heading = "Answer"
    )]
    pub limit: u64,
    /// Also list the picks that another one beats in every asked respect, with its name
    #[arg(long, help_heading = "Answer")]
    pub all: bool,
    /// Market: on-demand, spot, or any of them
    #[arg(
        long,
        value_name = "MARKET",
        default_value = "on-demand",
        value_parser = PossibleValuesParser::new(["on-demand", "spot", "any"]),
        help_heading = "Price"
    )]
    pub market: String,
    /// Highest interruption rate of spot, as a band of the spot advisor from 0 (below 5 %) to 4
    #[arg(
        long,
        value_name = "BAND",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(0..=4),
        help_heading = "Price"
    )]
    pub max_band: Option<i64>,
    /// Time between two checkpoints; adds the expected cost of interruptions to spot [default: 1h
    /// with --restart]
    #[arg(long, value_name = "SPAN", value_parser = read_span, help_heading = "Price")]
    pub checkpoint: Option<SignedDuration>,
    /// Time that a restart takes after an interruption; adds the expected cost of interruptions to
    /// spot [default: 10m with --checkpoint]
    #[arg(long, value_name = "SPAN", value_parser = read_span, help_heading = "Price")]
    pub restart: Option<SignedDuration>,
    /// Longest commitment, years: also considers reserved instances and Savings Plans
    #[arg(
        long,
        value_name = "YEARS",
        default_value = "none",
        value_parser = PossibleValuesParser::new(["none", "1", "3"]),
        help_heading = "Price"
    )]
    pub commit: String,
    /// Time of use, such as 200h: picks are ordered by its cost. A commitment is paid for its term
    #[arg(
        long = "for",
        value_name = "SPAN",
        allow_hyphen_values = true,
        value_parser = read_span,
        help_heading = "Use"
    )]
    pub time: Option<SignedDuration>,
    /// Number of instances
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = "Use"
    )]
    pub count: u32,
    /// Metric of the imported benchmarks in which an instance reaches --at-least
    #[arg(long, value_name = "METRIC", requires = "at_least", help_heading = "Benchmark")]
    pub benchmark: Option<String>,
    /// Least value of the metric of --benchmark
    #[arg(
        long,
        value_name = "VALUE",
        requires = "benchmark",
        allow_negative_numbers = true,
        value_parser = read_value,
        help_heading = "Benchmark"
    )]
    pub at_least: Option<f64>,
    /// Order picks by their cost per unit of this metric
    #[arg(long, value_name = "METRIC", help_heading = "Benchmark")]
    pub per: Option<String>,
}

fn read_span(text: &str) -> Result<SignedDuration, String> {
    domain::parse_span(text).map_err(|error| error.to_string())
}

fn read_value(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| format!("\"{text}\" is not a number of 0 or more"))
}

impl PickTermArgs {
    /// Whether the market has on-demand prices.
    pub(crate) fn has_on_demand(&self) -> bool {
        self.market != "spot"
    }

    /// Whether the market has spot prices.
    pub(crate) fn has_spot(&self) -> bool {
        self.market != "on-demand"
    }

    /// Returns the length of the longest commitment, years; 0 for none.
    pub(crate) fn longest_commitment(&self) -> i64 {
        self.commit.parse().unwrap_or(0)
    }

    /// Returns the time between checkpoints and that of a restart, if interruptions count.
    pub(crate) fn interruption_spans(&self) -> Option<(SignedDuration, SignedDuration)> {
        let is_asked = self.checkpoint.is_some() || self.restart.is_some();
        let (hour, minutes) = (SignedDuration::from_hours(1), SignedDuration::from_mins(10));
        is_asked.then(|| (self.checkpoint.unwrap_or(hour), self.restart.unwrap_or(minutes)))
    }

    /// Returns the time of use, hours.
    pub(crate) fn hours(&self) -> Option<Decimal> {
        self.time.map(|time| Decimal::from(time.as_secs()) / Decimal::from(3_600))
    }

    /// Refuses flags without effect on these markets.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let about_spot = [
            ("--max-band", self.max_band.is_some()),
            ("--checkpoint", self.checkpoint.is_some()),
            ("--restart", self.restart.is_some()),
        ];
        if let Some((flag, _)) = about_spot.iter().find(|(_, is_given)| *is_given && !self.has_spot()) {
            return Err(Failure::usage(format!("{flag} has no effect without spot prices"))
                .hint("add --market spot or --market any"));
        }
        if self.longest_commitment() > 0 && !self.has_on_demand() {
            return Err(Failure::usage(format!("--commit {}: spot has no commitments", self.commit))
                .hint("add --market on-demand or --market any"));
        }
        if self.count > 1 && self.time.is_none() {
            return Err(Failure::usage("--count has no effect without --for").hint("add --for 200h"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct TermCommandLine {
        #[command(flatten)]
        terms: PickTermArgs,
    }

    #[test]
    fn a_flag_without_effect_is_refused() {
        let check = |line: &str, expected: Option<&str>| {
            let words = ["recommend"].into_iter().chain(line.split_whitespace());
            let terms = TermCommandLine::try_parse_from(words).unwrap().terms;
            let found = terms.check().err().map(|failure| failure.message);
            assert_eq!(found.as_deref(), expected, "{line}");
        };
        check("", None);
        check("--max-band 2", Some("--max-band has no effect without spot prices"));
        check("--restart 5m", Some("--restart has no effect without spot prices"));
        check("--market any --max-band 2 --checkpoint 2h", None);
        check("--market spot --commit 3", Some("--commit 3: spot has no commitments"));
        check("--market any --commit 3", None);
        check("--count 2", Some("--count has no effect without --for"));
        check("--count 2 --for 200h", None);
    }

    #[test]
    fn hours_and_spans_are_read() {
        let read = |line: &str| {
            let words = ["recommend"].into_iter().chain(line.split_whitespace());
            TermCommandLine::try_parse_from(words).unwrap().terms
        };
        assert_eq!(read("--for 90m").hours(), Some(Decimal::new(15, 1)));
        let spans =
            |line: &str| read(line).interruption_spans().map(|(one, other)| (one.as_mins(), other.as_mins()));
        assert_eq!(spans("--market spot"), None);
        assert_eq!(spans("--market spot --checkpoint 2h"), Some((120, 10)));
        assert_eq!(spans("--market spot --restart 30m"), Some((60, 30)));
    }
}
