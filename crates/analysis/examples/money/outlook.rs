//! The coverage of seven-day bands of spot prices, beside that of a static band.
//!
//! Week 0 ends on 2022-12-11, so that week 29 is the first one that ends in July 2023. The method
//! was chosen on the weeks before it. Each origin sees the prices up to itself alone.

use std::collections::BTreeMap;

use analysis::{OUTLOOK_WEEKS, SpotOutlookModel, VolatilityClass, WeeklyPrices};

use crate::check;
use crate::prices::PriceTable;

/// The first and the last weekly origin of the second half of 2023 with a known outcome.
const ORIGINS: (usize, usize) = (29, 54);

/// How many prices a band contained, and how wide it was.
#[derive(Debug, Clone, Copy, Default)]
struct BandScore {
    within: usize,
    known: usize,
    log_width: f64,
}

impl BandScore {
    fn add(&mut self, log_change: f64, half_width: f64) {
        self.known += 1;
        self.within += usize::from(log_change <= half_width);
        self.log_width += 2.0 * half_width;
    }

    fn coverage(&self) -> f64 {
        self.within as f64 / self.known as f64
    }

    fn width_percent(&self) -> f64 {
        100.0 * (self.log_width / self.known as f64).exp_m1()
    }

    fn sum(scores: &[BandScore]) -> BandScore {
        scores.iter().fold(BandScore::default(), |sum, one| BandScore {
            within: sum.within + one.within,
            known: sum.known + one.known,
            log_width: sum.log_width + one.log_width,
        })
    }
}

/// The scores of a method: by level (80 and 95 %) and class of volatility.
type MethodScores = [[BandScore; VolatilityClass::ALL.len()]; 2];

/// Prints the tables. Returns whether all bars are met.
pub(crate) fn measure(table: &PriceTable) -> bool {
    let mut families: BTreeMap<&str, Vec<&WeeklyPrices>> = BTreeMap::new();
    for series in &table.series {
        let family = series.instance_type.split('.').next().unwrap_or_default();
        families.entry(family).or_default().push(&series.weeks);
    }
    let (mut ours, mut plain) = (MethodScores::default(), MethodScores::default());
    for family in families.values() {
        for origin in ORIGINS.0..=ORIGINS.1.min(family[0].len().saturating_sub(2)) {
            score_origin(family, origin, &mut ours, &mut plain);
        }
    }
    print(&ours, &plain);
    let all = |level: usize| BandScore::sum(&ours[level]).coverage();
    let worst = |level: usize| ours[level].iter().map(BandScore::coverage).fold(f64::INFINITY, f64::min);
    println!("\n| figure | measured | bar | |\n|---|---:|---|---|");
    [
        check("within 95, all classes", all(1), 0.93, 1.0),
        check("within 80, all classes", all(0), 0.77, 0.86),
        check("least within 95 of a class", worst(1), 0.88, 1.0),
        check("least within 80 of a class", worst(0), 0.70, 1.0),
    ]
    .iter()
    .all(|is_met| *is_met)
}

/// Scores the bands of one origin: ours, as `truffle spot` calibrates it on the family, and the
/// static one.
fn score_origin(family: &[&WeeklyPrices], origin: usize, ours: &mut MethodScores, plain: &mut MethodScores) {
    let first = origin.saturating_sub(OUTLOOK_WEEKS);
    let known: Vec<WeeklyPrices> = family.iter().map(|weeks| weeks[first..=origin].to_vec()).collect();
    let model = SpotOutlookModel::calibrate(&known);
    let static_widths = static_widths(&known);
    for (before, weeks) in known.iter().zip(family) {
        let Ok(outlook) = model.outlook(before) else { continue };
        let (Some(now), Some(then)) = (weeks[origin], weeks[origin + 1]) else { continue };
        let change = (then / now).ln().abs();
        let class = outlook.class as usize;
        for (level, band) in [outlook.band_80, outlook.band_95].into_iter().enumerate() {
            ours[level][class].add(change, (band.high / now).ln());
            plain[level][class].add(change, static_widths[level]);
        }
    }
}

/// The static band: the quantiles of all weekly changes of the family known at the origin.
fn static_widths(known: &[WeeklyPrices]) -> [f64; 2] {
    let change = |pair: &[Option<f64>]| Some((pair[1]? / pair[0]?).ln().abs());
    let mut changes: Vec<f64> = known.iter().flat_map(|weeks| weeks.windows(2).filter_map(change)).collect();
    changes.sort_by(f64::total_cmp);
    // A family without any change has no outlook to compare either.
    let Some(last) = changes.len().checked_sub(1) else { return [0.0; 2] };
    [0.80, 0.95].map(|level| changes[(last as f64 * level) as usize])
}

fn print(ours: &MethodScores, plain: &MethodScores) {
    println!("Seven days ahead, weekly origins of the second half of 2023:\n");
    println!(
        "| volatility | prices | within 95 | within 80 | width of 95 | static: within 95 | within 80 | width of 95 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let row = |name: &str, ours: [BandScore; 2], plain: [BandScore; 2]| {
        println!(
            "| {name} | {} | {:.3} | {:.3} | {:.1} % | {:.3} | {:.3} | {:.1} % |",
            ours[1].known,
            ours[1].coverage(),
            ours[0].coverage(),
            ours[1].width_percent(),
            plain[1].coverage(),
            plain[0].coverage(),
            plain[1].width_percent(),
        );
    };
    for class in VolatilityClass::ALL {
        let of = |scores: &MethodScores| [scores[0][class as usize], scores[1][class as usize]];
        row(class.label(), of(ours), of(plain));
    }
    let all = |scores: &MethodScores| [BandScore::sum(&scores[0]), BandScore::sum(&scores[1])];
    row("all", all(ours), all(plain));
}
