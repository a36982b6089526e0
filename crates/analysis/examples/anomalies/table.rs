//! The figures of several seeds, each with its bar and those of the rivals.

use analysis::AnomalyRule;

use crate::baselines::Rival;
use crate::events::KINDS;
use crate::generator::Family;
use crate::series::{FAMILIES, JudgedSeries, alert_days};

/// The figures of a seed: ours first, then those of each rival.
pub(crate) struct SeedScores {
    seed: u64,
    false_alerts: Vec<f64>,
    /// The same with the noise doubled, which no threshold has seen.
    noisy_false_alerts: Vec<f64>,
    recalls: Vec<Vec<f64>>,
    /// The families that were scored, with our false alerts.
    of_families: Vec<(Family, f64)>,
}

impl SeedScores {
    /// Measures the chosen series of a seed.
    pub(crate) fn measure(seed: u64, rivals: &[Rival], is_chosen: fn(&JudgedSeries) -> bool) -> SeedScores {
        let rule = AnomalyRule::with_alerts_per_year(1.0, true);
        let chosen = |noise| -> Vec<JudgedSeries> {
            JudgedSeries::all(seed, noise).into_iter().filter(is_chosen).collect()
        };
        let (usual, noisy) = (chosen(1.0), chosen(2.0));
        let rate =
            |alerts: usize, series: usize| alerts as f64 / (series as f64 * JudgedSeries::judged_years());
        let ours = |one: &JudgedSeries| one.false_alerts(&one.alerts(&rule));
        let false_alerts = |series: &[JudgedSeries]| -> Vec<f64> {
            let of_rival = |rival: &Rival| -> usize {
                series.iter().map(|one| one.false_alerts(&rival.alerts(&one.values))).sum()
            };
            let of_ours: usize = series.iter().map(ours).sum();
            let all = [of_ours].into_iter().chain(rivals.iter().map(of_rival));
            all.map(|alerts| rate(alerts, series.len())).collect()
        };
        let of_family = |family: &Family| {
            let members: Vec<&JudgedSeries> = usual.iter().filter(|one| one.family == *family).collect();
            let alerts = members.iter().map(|one| ours(one)).sum();
            (!members.is_empty()).then(|| (*family, rate(alerts, members.len())))
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
            false_alerts: false_alerts(&usual),
            noisy_false_alerts: false_alerts(&noisy),
            recalls: recalls.collect(),
            of_families: FAMILIES.iter().filter_map(of_family).collect(),
        }
    }
}

/// Prints the worst figure of all seeds in each row. Returns whether all bars are met.
pub(crate) fn print(scores: &[SeedScores], rivals: &[Rival]) -> bool {
    let seeds: Vec<String> = scores.iter().map(|one| one.seed.to_string()).collect();
    let names: Vec<&str> = rivals.iter().map(|rival| rival.name).collect();
    println!("The worst of the seeds {}:\n", seeds.join(", "));
    println!("| figure | ours | bar | {} |", names.join(" | "));
    println!("|---|---:|---:|{}", "---:|".repeat(names.len()));
    let detectors = 0..=rivals.len();
    let most = |of_seed: fn(&SeedScores) -> &[f64]| -> Vec<f64> {
        let of_seeds = |detector: usize| scores.iter().map(move |one| of_seed(one)[detector]);
        detectors.clone().map(|detector| of_seeds(detector).fold(0.0, f64::max)).collect()
    };
    let mut is_met =
        line("false alerts per series and year", &most(|one| &one.false_alerts), Some(1.0), true);
    line("the same, noise doubled", &most(|one| &one.noisy_false_alerts), None, true);
    for (index, kind) in KINDS.iter().enumerate() {
        let of_seeds = |detector: usize| scores.iter().map(move |one| one.recalls[index][detector]);
        let recalls: Vec<f64> =
            detectors.clone().map(|detector| of_seeds(detector).fold(1.0, f64::min)).collect();
        is_met &= line(&format!("found: {}", kind.name), &recalls, Some(kind.bar), false);
    }
    println!("\nOur false alerts by family, the mean of the seeds:");
    for (index, (family, _)) in scores[0].of_families.iter().enumerate() {
        let sum: f64 = scores.iter().map(|one| one.of_families[index].1).sum();
        println!("  {:<18} {:.2}", family.name(), sum / scores.len() as f64);
    }
    is_met
}

/// Prints a row. Returns whether ours is within the bar.
fn line(name: &str, values: &[f64], bar: Option<f64>, is_most: bool) -> bool {
    let is_met = bar.is_none_or(|bar| if is_most { values[0] <= bar } else { values[0] >= bar });
    let rivals: Vec<String> = values[1..].iter().map(|value| format!(" {value:.2} |")).collect();
    let bar = bar.map(|bar| bar.to_string()).unwrap_or_default();
    let remark = if is_met { "" } else { ", not met" };
    println!("| {name} | {:.2} | {bar}{remark} |{}", values[0], rivals.concat());
    is_met
}
