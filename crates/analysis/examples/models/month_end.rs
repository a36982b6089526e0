//! The month-end table: errors of forecasts and of plain rules on generated bills.
//!
//! Scored are the last 8 of 16 months, from days 5, 10, 15, 20 and 25. The error of a month is the
//! mean over these days of |forecast − total| / total. A table shows geometric means over
//! series-months, in percent; errors below 0.01 % count as 0.01 %.

use analysis::{CostForecast, CostLeaf, Day, ForecastSettings, GroupForecast, LeafGroup, LeafPart};

use crate::baselines::BASELINES;
use crate::generator::{DAYS, FAMILIES, FIRST, Family, GeneratedSeries, all};

const SCORED_MONTHS: usize = 8;
const ORIGIN_DAYS: [i32; 5] = [5, 10, 15, 20, 25];
const LEAST_ERROR: f64 = 1e-4;

/// Forecasts are rounded to millionths. The lower end of usage is its cost so far, which is the
/// month's cost where nothing follows.
const ROUNDING: f64 = 1e-6;

/// Bars: the largest ratio to the run-rate, to the best one-liner, and of a family to its own best
/// one-liner.
pub(crate) const MOST_OF_RUN_RATE: f64 = 0.42;
pub(crate) const MOST_OF_ONE_LINER: f64 = 0.87;
pub(crate) const MOST_IN_FAMILY: f64 = 1.3;

/// Errors and coverage of a family, or of all.
#[derive(Default)]
struct Score {
    /// Logarithms of the months' errors: ours, then the baselines'.
    logs: Vec<Vec<f64>>,
    within_80: Vec<bool>,
    within_95: Vec<bool>,
}

impl Score {
    fn error(&self, method: usize) -> f64 {
        let logs: Vec<f64> = self.logs.iter().map(|month| month[method]).collect();
        (logs.iter().sum::<f64>() / logs.len() as f64).exp()
    }

    fn best_one_liner(&self) -> f64 {
        (2..=BASELINES.len()).map(|method| self.error(method)).fold(f64::INFINITY, f64::min)
    }

    fn extend(&mut self, other: &Score) {
        self.logs.extend(other.logs.iter().cloned());
        self.within_80.extend(&other.within_80);
        self.within_95.extend(&other.within_95);
    }
}

fn share(hits: &[bool]) -> f64 {
    hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
}

/// The figures of a seed.
pub(crate) struct MonthEndScores {
    families: Vec<(Family, Score)>,
    all: Score,
}

/// Forecasts all bills of a seed at all origins.
pub(crate) fn measure(seed: u64) -> MonthEndScores {
    let bills = all(seed);
    let origins = origins();
    let forecasts = forecast_all(&bills, &origins);
    let mut families: Vec<(Family, Score)> =
        FAMILIES.iter().map(|family| (*family, Score::default())).collect();
    for (index, bill) in bills.iter().enumerate() {
        let score = &mut families.iter_mut().find(|(family, _)| *family == bill.family).unwrap().1;
        score_bill(bill, &origins, |origin| &forecasts[origin][index], score);
    }
    let mut all = Score::default();
    families.iter().for_each(|(_, score)| all.extend(score));
    MonthEndScores { families, all }
}

/// The last known day of each forecast; all of a month stand together.
fn origins() -> Vec<Day> {
    let mut months = Vec::new();
    let mut month = FIRST;
    while month < FIRST + DAYS as i32 {
        months.push(month);
        month = month.next_month();
    }
    let scored = &months[months.len() - SCORED_MONTHS..];
    scored.iter().flat_map(|month| ORIGIN_DAYS.map(|day| *month + (day - 1))).collect()
}

/// One group for each bill, at each origin.
fn forecast_all(bills: &[GeneratedSeries], origins: &[Day]) -> Vec<Vec<GroupForecast>> {
    let leaves: Vec<CostLeaf> = bills.iter().flat_map(|bill| bill.leaves.clone()).collect();
    let mut next = 0;
    let groups: Vec<LeafGroup> = bills
        .iter()
        .map(|bill| {
            let parts = (next..next + bill.leaves.len()).map(|leaf| LeafPart { leaf, costs: None });
            next += bill.leaves.len();
            LeafGroup { parts: parts.collect() }
        })
        .collect();
    let at = |through: &Day| {
        let settings = ForecastSettings { through: *through, months: 1, levels: vec![0.80, 0.95] };
        CostForecast::new(&leaves, &settings).groups(&groups)
    };
    let (first, second) = origins.split_at(origins.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(at).collect::<Vec<_>>());
        let mut all: Vec<Vec<GroupForecast>> = first.iter().map(at).collect();
        all.extend(other.join().expect("a forecast panicked"));
        all
    })
}

fn score_bill<'a>(
    bill: &GeneratedSeries,
    origins: &[Day],
    forecast: impl Fn(usize) -> &'a GroupForecast,
    score: &mut Score,
) {
    let totals = bill.totals();
    let place = |day: Day| (day - FIRST) as usize;
    for (month_index, of_month) in origins.chunks(ORIGIN_DAYS.len()).enumerate() {
        let month = of_month[0].month_start();
        let actual: f64 = totals[place(month)..place(month.next_month())].iter().sum();
        if actual <= 0.0 {
            continue;
        }
        let mut errors = vec![0.0; BASELINES.len() + 1];
        for (index, through) in of_month.iter().enumerate() {
            let found = &forecast(month_index * ORIGIN_DAYS.len() + index).months[0];
            let remainder: f64 = (found.scheduled + found.remainder).try_into().expect("a number");
            errors[0] += (found.actual + remainder - actual).abs() / actual;
            for (error, baseline) in errors[1..].iter_mut().zip(BASELINES) {
                *error += (baseline.total(bill, &totals, *through) - actual).abs() / actual;
            }
            for (interval, hits) in found.intervals.iter().zip([&mut score.within_80, &mut score.within_95]) {
                let end = |end: domain::Decimal| -> f64 { end.try_into().expect("a number") };
                let within =
                    end(interval.lower) - ROUNDING <= actual && actual <= end(interval.upper) + ROUNDING;
                hits.push(within);
            }
        }
        let count = of_month.len() as f64;
        score.logs.push(errors.iter().map(|error| (error / count).max(LEAST_ERROR).ln()).collect());
    }
}

impl MonthEndScores {
    /// The lines of the table.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| family | ours |");
        for baseline in BASELINES {
            text += &format!(" {} |", baseline.name());
        }
        text += " ours/run-rate | ours/best one-liner | within 80 | within 95 |\n|---|";
        text += &"---:|".repeat(BASELINES.len() + 5);
        let rows = self.families.iter().map(|(family, score)| (family.name(), score));
        for (name, score) in rows.chain([("all", &self.all)]) {
            text += &format!("\n| {name} |");
            for method in 0..=BASELINES.len() {
                text += &format!(" {:.2} % |", score.error(method) * 100.0);
            }
            text += &format!(
                " {:.3} | {:.3} | {:.3} | {:.3} |",
                score.error(0) / score.error(1),
                score.error(0) / score.best_one_liner(),
                share(&score.within_80),
                share(&score.within_95)
            );
        }
        text
    }

    /// The figures with a bar.
    pub(crate) fn bars(&self) -> Vec<crate::BarCheck> {
        let check = crate::BarCheck::new;
        let mut bars = vec![
            check("ours / run-rate", self.all.error(0) / self.all.error(1), 0.0, MOST_OF_RUN_RATE),
            check(
                "ours / best one-liner",
                self.all.error(0) / self.all.best_one_liner(),
                0.0,
                MOST_OF_ONE_LINER,
            ),
            check("within 80", share(&self.all.within_80), 0.76, 0.85),
            check("within 95", share(&self.all.within_95), 0.93, 0.97),
        ];
        let each =
            |of: &dyn Fn(&Score) -> f64| self.families.iter().map(|(_, score)| of(score)).collect::<Vec<_>>();
        let most = each(&|score| score.error(0) / score.best_one_liner()).into_iter().fold(0.0, f64::max);
        let least_80 = each(&|score| share(&score.within_80)).into_iter().fold(1.0, f64::min);
        let least_95 = each(&|score| share(&score.within_95)).into_iter().fold(1.0, f64::min);
        bars.push(check("worst family / its best one-liner", most, 0.0, MOST_IN_FAMILY));
        bars.push(check("least within 80 of a family", least_80, 0.70, 1.0));
        bars.push(check("least within 95 of a family", least_95, 0.88, 1.0));
        bars
    }
}
