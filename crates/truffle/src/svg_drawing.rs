//! Drawings as SVG. Texts are escaped, and have no character that acts instead of being seen.

use domain::visible;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The colour of texts and lines.
pub(crate) const INK: RGBColor = RGBColor(40, 40, 40);

/// The area of a drawing, in pixels from its upper left corner.
pub(crate) type SvgArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The result of drawing.
pub(crate) type SvgResult = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Draws on a white area of this width and height.
///
/// Errors: the drawing failed, as plotters reports it.
pub(crate) fn draw_svg(
    (width, height): (i32, i32),
    draw: impl FnOnce(&SvgArea<'_>) -> SvgResult,
) -> Result<String, String> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (width as u32, height as u32)).into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    drop(area);
    drawn.map(|()| text).map_err(|error| error.to_string())
}

/// Writes a text, with its middle at the height of a point and one of its sides at the point.
pub(crate) fn write(
    area: &SvgArea<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
    ink: RGBColor,
    side: HPos,
) -> SvgResult {
    let style =
        TextStyle::from(("sans-serif", size).into_font()).color(&ink).pos(Pos::new(side, VPos::Center));
    area.draw_text(&visible(text), &style, at)
}
