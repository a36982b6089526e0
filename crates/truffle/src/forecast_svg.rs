//! The band of a forecast as SVG: the cost of a month so far, its forecast and interval.

use analysis::Day;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::cost_days::{day_text, month_text};
use crate::svg_drawing::{INK, SvgArea, SvgResult, draw_svg, write};

const SIZE: (i32, i32) = (760, 320);

/// The area of the lines: left, top, right and bottom.
const FRAME: (i32, i32, i32, i32) = (90, 44, 740, 280);

const ACTUAL: RGBColor = RGBColor(8, 69, 148);
const FORECAST: RGBColor = RGBColor(66, 146, 198);
const BAND: RGBColor = RGBColor(222, 235, 247);

/// The sum of a month's costs up to a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BandPoint {
    pub(crate) day: Day,
    /// The sum: actual costs up to the newest complete day, then with the forecast.
    pub(crate) sum: f64,
    /// The ends of the interval; `None` if it is not known.
    pub(crate) bounds: Option<(f64, f64)>,
    /// Whether the day is forecast.
    pub(crate) is_forecast: bool,
}

/// Draws the sums of a month, one for each of its days.
///
/// Errors: the drawing failed, as plotters reports it.
pub(crate) fn draw_band(currency: &str, points: &[BandPoint]) -> Result<String, String> {
    draw_svg(SIZE, |area| draw_points(area, currency, points))
}

fn draw_points(area: &SvgArea<'_>, currency: &str, points: &[BandPoint]) -> SvgResult {
    let Some(first) = points.first() else { return Ok(()) };
    let title = format!("{}: cost so far and forecast ({currency})", month_text(first.day));
    write(area, &title, (FRAME.0, 20), 18, INK, HPos::Left)?;
    let all = || {
        points.iter().flat_map(|point| {
            let (lower, upper) = point.bounds.unwrap_or((point.sum, point.sum));
            [point.sum, lower, upper]
        })
    };
    let highest = all().fold(0.0, f64::max);
    let lowest = all().fold(0.0, f64::min);
    let range = if highest > lowest { highest - lowest } else { 1.0 };
    let days = (points.len() as i32 - 1).max(1);
    let x = |at: usize| FRAME.0 + (FRAME.2 - FRAME.0) * at as i32 / days;
    let y = |value: f64| FRAME.3 - ((value - lowest) / range * f64::from(FRAME.3 - FRAME.1)) as i32;
    for quarter in 0..=4 {
        let value = lowest + range * f64::from(quarter) / 4.0;
        let line = vec![(FRAME.0, y(value)), (FRAME.2, y(value))];
        area.draw(&PathElement::new(line, INK.mix(0.2)))?;
        write(area, &format!("{value:.2}"), (FRAME.0 - 8, y(value)), 12, INK, HPos::Right)?;
    }
    for (at, point) in points.iter().enumerate().filter(|(at, _)| at % 5 == 0) {
        write(area, &day_text(point.day)[5..], (x(at), FRAME.3 + 18), 12, INK, HPos::Center)?;
    }
    let bounds = || points.iter().enumerate().filter_map(|(at, point)| Some((at, point.bounds?)));
    let upper = bounds().map(|(at, (_, upper))| (x(at), y(upper)));
    let mut band: Vec<(i32, i32)> = upper.collect();
    band.extend(bounds().map(|(at, (lower, _))| (x(at), y(lower))).collect::<Vec<_>>().into_iter().rev());
    if band.len() > 2 {
        area.draw(&Polygon::new(band, BAND.filled()))?;
    }
    let known = points.iter().take_while(|point| !point.is_forecast).count();
    let path = |from: usize, to: usize| -> Vec<(i32, i32)> {
        points[from..to].iter().enumerate().map(|(at, point)| (x(from + at), y(point.sum))).collect()
    };
    area.draw(&PathElement::new(path(0, known), ACTUAL.stroke_width(2)))?;
    area.draw(&PathElement::new(path(known.saturating_sub(1), points.len()), FORECAST.stroke_width(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_begins_at_the_newest_complete_day() {
        let point = |at: i32| BandPoint {
            day: Day::of_date(2026, 11, 1) + at,
            sum: f64::from(at + 1),
            bounds: (at >= 9).then(|| (f64::from(at + 1) - f64::from(at - 9), f64::from(2 * at - 8))),
            is_forecast: at > 9,
        };
        let points: Vec<BandPoint> = (0..30).map(point).collect();
        let svg = draw_band("<script>", &points).unwrap();
        assert_eq!((svg.matches("<polygon").count(), svg.matches("<polyline").count()), (1, 7), "{svg}");
        assert!(svg.contains("2026-11: cost so far and forecast (&lt;script&gt;)"), "{svg}");
        assert!(svg.contains("\n11-26\n") && svg.contains("\n50.00\n"), "{svg}");
        assert!(draw_band("USD", &[]).is_ok());
        assert!(draw_band("USD", &points[..1]).is_ok());
    }
}
