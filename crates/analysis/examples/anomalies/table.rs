//! The figures of several seeds, each with its bar and those of the rivals.

use analysis::AnomalyRule;

use crate::baselines::Rival;
use crate::driver_events;
use crate::events::KINDS;
use crate::series::{FAMILIES, JudgedSeries, alert_days};

/// The figures of a seed: ours first, then those of each rival.
pub(crate) struct SeedScores {
    seed: u64,
    false_alerts: Vec<f64>,
    of_families: Vec<f64>,
    recalls: Vec<Vec<f64>>,
    drivers: f64,
    names: Vec<&'static str>,
}

impl SeedScores {
    pub(crate) fn measure(seed: u64, rivals: &[Rival]) -> SeedScores {
        let rule = AnomalyRule::with_alerts_per_year(1.0, true);
        let usual = JudgedSeries::all(seed, 1.0);
        let noisy = JudgedSeries::all(seed, 2.0);
        let rate =
            |alerts: usize, series: usize| alerts as f64 / (series as f64 * JudgedSeries::judged_years());
        let ours = |one: &JudgedSeries| one.false_alerts(&one.alerts(&rule));
        let of_rival =
            |rival: &Rival| usual.iter().map(|one| one.false_alerts(&rival.alerts(&one.values))).sum();
        let mut false_alerts = vec![rate(usual.iter().map(ours).sum(), usual.len())];
        false_alerts.extend(rivals.iter().map(|rival| rate(of_rival(rival), usual.len())));
        let of_family = |family: &_| {
            let members: Vec<&JudgedSeries> = usual.iter().filter(|one| one.family == *family).collect();
            rate(members.iter().map(|one| ours(one)).sum(), members.len())
        };
        let recalls = KINDS.iter().map(|kind| {
            let series = if kind.noise == 1.0 { &usual } else { &noisy };
            let mut recalls =
                vec![kind.recall(seed, series, &|one, values| alert_days(&one.costs(values), &rule))];
            recalls.extend(
                rivals.iter().map(|rival| kind.recall(seed, series, &|_, values| rival.alerts(values))),
            );
            recalls
        });
        SeedScores {
            seed,
            false_alerts,
            of_families: FAMILIES.iter().map(of_family).collect(),
            recalls: recalls.collect(),
            drivers: driver_events::first_right(seed, &usual),
            names: rivals.iter().map(|rival| rival.name).collect(),
        }
    }
}

/// Prints the worst figure of all seeds in each row. Returns whether all bars are met.
pub(crate) fn print(scores: &[SeedScores]) -> bool {
    let seeds: Vec<String> = scores.iter().map(|one| one.seed.to_string()).collect();
    println!("The worst of the seeds {}:\n", seeds.join(", "));
    println!("| figure | ours | bar | {} |", scores[0].names.join(" | "));
    println!("|---|---:|---:|{}", "---:|".repeat(scores[0].names.len()));
    let worst = |values: &mut dyn Iterator<Item = f64>, is_most: bool| {
        values.reduce(if is_most { f64::max } else { f64::min }).unwrap_or(f64::NAN)
    };
    let rivals = scores[0].names.len();
    let false_alerts: Vec<f64> = (0..=rivals)
        .map(|detector| worst(&mut scores.iter().map(|one| one.false_alerts[detector]), true))
        .collect();
    let mut is_met = line("false alerts per series and year", &false_alerts, 1.0, true);
    for (index, kind) in KINDS.iter().enumerate() {
        let recalls: Vec<f64> = (0..=rivals)
            .map(|detector| worst(&mut scores.iter().map(|one| one.recalls[index][detector]), false))
            .collect();
        is_met &= line(&format!("found: {}", kind.name), &recalls, kind.bar, false);
    }
    let drivers = worst(&mut scores.iter().map(|one| one.drivers), false);
    is_met &= line("first driver of two right, of 60 leaves", &[drivers], 0.9, false);
    println!("\nOur false alerts by family, the mean of the seeds:");
    for (index, family) in FAMILIES.iter().enumerate() {
        let sum: f64 = scores.iter().map(|one| one.of_families[index]).sum();
        println!("  {:<18} {:.2}", family.name(), sum / scores.len() as f64);
    }
    is_met
}

fn line(name: &str, values: &[f64], bar: f64, is_most: bool) -> bool {
    let is_met = if is_most { values[0] <= bar } else { values[0] >= bar };
    let rivals: Vec<String> = values[1..].iter().map(|value| format!(" {value:.2} |")).collect();
    let remark = if is_met { "" } else { ", not met" };
    println!("| {name} | {:.2} | {bar}{remark} |{}", values[0], rivals.concat());
    is_met
}
