//! Weekly spot prices, read from a file.

use std::collections::BTreeMap;

use analysis::WeeklyPrices;

/// Instance type, region and zone.
type PlaceKey<'a> = (&'a str, &'a str, &'a str);
/// Prices with the number of their week.
type NumberedPrices = Vec<(usize, f64)>;

/// The prices of one instance type in one zone.
pub(crate) struct PriceSeries {
    pub(crate) instance_type: String,
    pub(crate) region: String,
    /// One price per week of the table.
    pub(crate) weeks: WeeklyPrices,
}

/// The weekly prices of all series, over the same weeks.
pub(crate) struct PriceTable {
    pub(crate) series: Vec<PriceSeries>,
}

impl PriceTable {
    /// Reads the lines of a file. Weeks before week 0, and prices that are not positive, are left
    /// out.
    pub(crate) fn read(path: &str) -> Result<PriceTable, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
        let mut series: BTreeMap<PlaceKey<'_>, NumberedPrices> = BTreeMap::new();
        for line in text.lines() {
            let cells: Vec<&str> = line.split(',').collect();
            let [name, region, zone, week, price] = cells.as_slice() else {
                return Err(format!("{path}: not five columns: {line}"));
            };
            let known = week.parse::<usize>().ok().zip(price.parse::<f64>().ok());
            if let Some(found) = known.filter(|(_, price)| *price > 0.0) {
                series.entry((name, region, zone)).or_default().push(found);
            }
        }
        let last = series.values().flatten().map(|(week, _)| *week).max().ok_or("no prices")?;
        let of = |((name, region, _), known): (PlaceKey<'_>, NumberedPrices)| {
            let mut weeks = vec![None; last + 1];
            known.into_iter().for_each(|(week, price)| weeks[week] = Some(price));
            PriceSeries { instance_type: name.into(), region: region.into(), weeks }
        };
        Ok(PriceTable { series: series.into_iter().map(of).collect() })
    }
}
