/// Number of leading bytes by which the kind of a file is detected.
pub const HEAD: usize = 64 << 10;

/// Detects the kind of a text file from its beginning (plain text, at most [`HEAD`] bytes).
/// Returns the kind's name on the command line, or `None` for an unknown one.
pub fn detect_kind(head: &[u8]) -> Option<&'static str> {
    let head = String::from_utf8_lossy(head);
    let text = head.trim_start();
    if text.starts_with('{') { detect_json(text) } else { detect_table(text) }
}

fn detect_json(text: &str) -> Option<&'static str> {
    let has = |word: &str| text.contains(word);
    let kinds = [
        ("\"SpotPriceHistory\"", "spot-price-api"),
        ("\"spot_advisor\"", "spot-advisor"),
        ("\"ResultsByTime\"", "cost-explorer"),
        ("\"ComputeSavingsPlans\"", "savings-plans"),
        ("\"EC2InstanceSavingsPlans\"", "savings-plans"),
        // Last: Savings Plans rates contain that service code too.
        ("\"AmazonEC2\"", "price-list"),
    ];
    let found = kinds.into_iter().find(|(word, _)| has(word)).map(|(_, kind)| kind);
    // The advisor's types may come before the member that names it.
    found.or_else(|| (has("\"instance_types\"") && has("\"ram_gb\"")).then_some("spot-advisor"))
}

fn detect_table(text: &str) -> Option<&'static str> {
    let first = text.lines().next()?;
    if first.replace('"', "").starts_with("FormatVersion,") {
        let offer = text.lines().take(5).find(|line| line.replace('"', "").starts_with("OfferCode,"))?;
        let kinds = [("AmazonEC2", "price-list"), ("AmazonComputeSavingsPlan", "savings-plans")];
        return kinds.into_iter().find(|(code, _)| offer.contains(code)).map(|(_, kind)| kind);
    }
    let columns: Vec<&str> = first.split([',', '\t']).map(|name| name.trim_matches('"')).collect();
    let has = |name: &str| columns.contains(&name);
    if has("BilledCost") || has("billed_cost") {
        Some("focus")
    } else if has("lineItem/UnblendedCost") || has("line_item_unblended_cost") {
        Some("cur")
    } else if has("spot_usd") || crate::spot_text::is_archive(first) {
        Some("spot-history")
    } else if has("instance_type") && has("metric") && has("value") {
        Some("benchmark")
    } else if has("discount_id") {
        Some("discount")
    } else {
        None
    }
}
