//! The weekly series of the M4 competition: MASE, coverage and MSIS on the official test weeks.
//!
//! Scales are mean absolute changes from week to week in the training part, as in the competition.

use std::path::Path;

use analysis::forecast_weeks;

use crate::BarCheck;

const HORIZON: usize = 13;

/// MASE of the competition's entries and of packages, beside ours.
const PUBLISHED: [(&str, f64); 3] = [("naive", 2.777), ("AutoETS", 2.551), ("AutoARIMA", 2.258)];

/// Figures of the test weeks.
struct WeekScores {
    mase: f64,
    naive_mase: f64,
    within_95: f64,
    within_80: f64,
    msis: f64,
}

/// Reads `Weekly-train.csv` and `Weekly-test.csv` of a folder and prints the table. Returns the
/// figures with a bar.
pub(crate) fn measure(folder: &Path) -> Result<Vec<BarCheck>, String> {
    let train = read(&folder.join("Weekly-train.csv"))?;
    let test = read(&folder.join("Weekly-test.csv"))?;
    if train.len() != test.len() {
        return Err(format!("{} training series, but {} test series", train.len(), test.len()));
    }
    let scores = WeekScores::of(&train, &test);
    println!("| M4 Weekly, {} series | MASE |\n|---|---:|", train.len());
    println!("| ours: median of three autoregressions | {:.3} |", scores.mase);
    println!("| naive, computed here | {:.3} |", scores.naive_mase);
    for (name, mase) in PUBLISHED {
        println!("| {name}, published | {mase:.3} |");
    }
    println!();
    Ok(vec![
        BarCheck::new("M4 Weekly MASE", scores.mase, 0.0, 2.10),
        BarCheck::new("M4 Weekly within 95", scores.within_95, 0.93, 0.97),
        BarCheck::new("M4 Weekly within 80", scores.within_80, 0.76, 0.85),
        BarCheck::new("M4 Weekly MSIS (ETS 20.3)", scores.msis, 0.0, 16.0),
    ])
}

impl WeekScores {
    fn of(train: &[Vec<f64>], test: &[Vec<f64>]) -> WeekScores {
        let forecasts = forecast_weeks(train, HORIZON, &[0.80, 0.95]);
        let mut sums = WeekScores { mase: 0.0, naive_mase: 0.0, within_95: 0.0, within_80: 0.0, msis: 0.0 };
        for ((values, actual), forecast) in train.iter().zip(test).zip(&forecasts) {
            let changes: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
            let scale = changes / (values.len() - 1) as f64;
            for (week, actual) in actual.iter().enumerate().take(HORIZON) {
                let error = (actual - forecast.values[week]).abs();
                let (half_80, half_95) = (forecast.half_widths[0][week], forecast.half_widths[1][week]);
                sums.mase += error / scale;
                sums.naive_mase += (actual - values[values.len() - 1]).abs() / scale;
                sums.within_80 += f64::from(u8::from(error <= half_80));
                sums.within_95 += f64::from(u8::from(error <= half_95));
                sums.msis += (2.0 * half_95 + 2.0 / 0.05 * (error - half_95).max(0.0)) / scale;
            }
        }
        let count = (train.len() * HORIZON) as f64;
        WeekScores {
            mase: sums.mase / count,
            naive_mase: sums.naive_mase / count,
            within_95: sums.within_95 / count,
            within_80: sums.within_80 / count,
            msis: sums.msis / count,
        }
    }
}

/// Reads a file of the competition: a header, then the name and the values of a series in a line.
fn read(path: &Path) -> Result<Vec<Vec<f64>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let number = |word: &str| word.parse::<f64>().map_err(|_| format!("{}: {word}", path.display()));
    let words = |line: &str| -> Vec<String> {
        line.split(',').skip(1).map(|word| word.trim_matches('"').to_string()).collect()
    };
    let series =
        |line: &str| words(line).iter().filter(|word| !word.is_empty()).map(|word| number(word)).collect();
    text.lines().skip(1).map(series).collect()
}
