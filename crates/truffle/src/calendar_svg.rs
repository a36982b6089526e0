//! The calendar of daily costs as SVG.

use analysis::Day;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::cost_days::{day_text, month_text};
use crate::svg_drawing::{INK, SvgArea, SvgResult, draw_svg, write};

/// Width and height of a cell, in pixels.
const CELL: (i32, i32) = (92, 44);

/// The space at the left and above the cells of a month.
const MARGIN: (i32, i32) = (16, 64);

/// The space below a month.
const GAP: i32 = 24;

/// The fill of each level, from no cost to the highest.
const SHADES: [RGBColor; 5] = [
    RGBColor(255, 255, 255),
    RGBColor(222, 235, 247),
    RGBColor(158, 202, 225),
    RGBColor(66, 146, 198),
    RGBColor(8, 69, 148),
];

const UNKNOWN: RGBColor = RGBColor(235, 235, 235);
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A day of the drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CalendarCell {
    pub(crate) day: Day,
    /// The text of the cost.
    pub(crate) cost: String,
    /// 0 to 4; `None` if the cost is not known.
    pub(crate) level: Option<usize>,
}

/// Draws the days, month below month. Days of one month follow each other.
///
/// Errors: the drawing failed, as plotters reports it.
pub(crate) fn draw(title: &str, cells: &[CalendarCell]) -> Result<String, String> {
    let months: Vec<&[CalendarCell]> =
        cells.chunk_by(|one, next| one.day.month_start() == next.day.month_start()).collect();
    let height: i32 = months.iter().map(|month| month_height(month)).sum();
    let size = (MARGIN.0 * 2 + CELL.0 * 7, 40 + height);
    draw_svg(size, |area| draw_months(area, title, &months))
}

fn month_height(month: &[CalendarCell]) -> i32 {
    MARGIN.1 + weeks(month) * CELL.1 + GAP
}

/// Weeks from Monday that the days touch.
fn weeks(month: &[CalendarCell]) -> i32 {
    let first = month.first().map_or(0, |cell| cell.day.weekday() as i32);
    (first + month.len() as i32 + 6) / 7
}

fn draw_months(area: &SvgArea<'_>, title: &str, months: &[&[CalendarCell]]) -> SvgResult {
    write(area, title, (MARGIN.0, 20), 20, INK, HPos::Left)?;
    let mut top = 40;
    for month in months {
        let Some(first) = month.first() else { continue };
        write(area, &month_text(first.day), (MARGIN.0, top + 16), 16, INK, HPos::Left)?;
        for (at, name) in WEEKDAYS.iter().enumerate() {
            let x = MARGIN.0 + CELL.0 * at as i32 + CELL.0 / 2;
            write(area, name, (x, top + 46), 12, INK, HPos::Center)?;
        }
        let before = first.day.weekday() as i32;
        for (at, cell) in month.iter().enumerate() {
            let place = before + at as i32;
            draw_cell(area, cell, (MARGIN.0 + place % 7 * CELL.0, top + MARGIN.1 + place / 7 * CELL.1))?;
        }
        top += month_height(month);
    }
    Ok(())
}

fn draw_cell(area: &SvgArea<'_>, cell: &CalendarCell, (x, y): (i32, i32)) -> SvgResult {
    let shade = cell.level.map_or(UNKNOWN, |level| SHADES[level.min(SHADES.len() - 1)]);
    let corners = [(x + 1, y + 1), (x + CELL.0 - 1, y + CELL.1 - 1)];
    area.draw(&Rectangle::new(corners, shade.filled()))?;
    area.draw(&Rectangle::new(corners, INK.mix(0.3)))?;
    let ink = if cell.level.is_some_and(|level| level > 2) { WHITE } else { INK };
    let number = &day_text(cell.day)[8..];
    write(area, number, (x + 6, y + 12), 11, ink, HPos::Left)?;
    write(area, &cell.cost, (x + CELL.0 - 6, y + 31), 14, ink, HPos::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(count: i32) -> Vec<CalendarCell> {
        let cell = |at: i32| CalendarCell {
            day: Day::of_date(2026, 10, 30) + at,
            cost: format!("{at}.50"),
            level: (at > 0).then_some(at as usize % 5),
        };
        (0..count).map(cell).collect()
    }

    #[test]
    fn a_month_has_a_cell_for_each_day_under_its_weekday() {
        let svg = draw("USD", &cells(12)).unwrap();
        assert_eq!(svg.matches("2026-1").count(), 2, "{svg}");
        for text in ["\n30\n", "\n31\n", "\n01\n", "\n10\n", "\n11.50\n", "\nMon\n"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert_eq!(weeks(&cells(2)), 1);
        assert_eq!(weeks(&cells(12)[2..]), 3);
    }

    #[test]
    fn a_text_of_a_bill_is_text_in_the_drawing() {
        let svg = draw("tag \"><script>alert(1)</script>\u{1b}", &cells(1)).unwrap();
        assert!(!svg.contains("<script") && svg.contains("&quot;&gt;&lt;script&gt;"), "{svg}");
        assert!(!svg.contains('\u{1b}'), "{svg}");
    }
}
