use super::*;

fn listing(cells: &[(&str, &str)]) -> PriceListing {
    let quote = |price: &str| PriceQuote { amount: price.parse().unwrap(), currency: "USD".into() };
    cells.iter().map(|(name, price)| (("r".to_string(), name.to_string()), quote(price))).collect()
}

/// Returns a shape with the vCPUs of the size; `g` families have one GPU up to 16xlarge, except
/// 12xlarge, and four above.
fn shape(name: &str) -> TypeShape {
    let xlarges = units(name, 96).unwrap() / Decimal::from(8);
    let vcpus = (xlarges * Decimal::from(4)).try_into().unwrap_or(1);
    let gpus = match name.starts_with('g') {
        false => 0,
        true if vcpus <= 64 && !name.contains("12x") => 1,
        true => 4,
    };
    TypeShape { units: units(name, vcpus), vcpus, gpus }
}

/// Checks the verdict on the first cell of `libcloud`.
fn check(sparecores: &[(&str, &str)], libcloud: &[(&str, &str)], expected: &str) {
    let name = libcloud[0].0;
    let names = sparecores.iter().chain(libcloud).map(|(name, _)| *name);
    let shapes = names.map(|name| (name.to_string(), shape(name))).collect();
    let verdicts = judge(&listing(sparecores), &listing(libcloud), &shapes);
    let found = match &verdicts[&("r".to_string(), name.to_string())] {
        PriceVerdict::Known(quote, basis) => format!("{} {}", quote.amount, basis.name()),
        PriceVerdict::Unknown(doubt) => format!("{doubt:?}"),
    };
    assert_eq!(found, expected, "{sparecores:?} {libcloud:?}");
}

#[test]
fn judges_a_cell_of_both_sources() {
    check(&[("m5.large", "0.096")], &[("m5.large", "0.096")], "0.096 agreed");
    check(&[("m5.large", "0.096")], &[("m5.large", "0.09605")], "0.09605 agreed");
    check(&[("m5.large", "0.096")], &[("m5.large", "0")], "0.096 listed");
    check(&[("m5.large", "0.096")], &[("m5.large", "0.102")], "0.096 listed");
    check(&[("c4.large", "0.1")], &[("c4.large", "0.11")], "0.1 listed");
    check(&[("h1.8xlarge", "1.872")], &[("h1.8xlarge", "2.342")], "Disputed");
    check(&[("m5.large", "0.096")], &[("m5.large", "0.09")], "Disputed");
}

#[test]
fn a_cell_of_libcloud_alone_needs_two_sizes_in_proportion() {
    let two = [("m8g.large", "0.1"), ("m8g.xlarge", "0.2"), ("m8g.2xlarge", "0.4")];
    check(&[], &two, "0.1 proportional");
    check(&[], &two[..2], "Unconfirmed");
    check(&[], &[("m8g.large", "0"), ("m8g.xlarge", "0.2"), ("m8g.2xlarge", "0.4")], "Zero");
    check(&[("m8g.4xlarge", "0.8")], &two[..2], "0.1 proportional");
    check(&[], &[("mac2.metal", "0.65")], "Unconfirmed");
    // Rounding to four decimals hides that 0.0119 and 0.0475 are in proportion.
    check(
        &[],
        &[("t3.micro", "0.0119"), ("t3.medium", "0.0475"), ("t3.large", "0.095")],
        "0.0119 proportional",
    );
}

#[test]
fn three_dedicated_prices_do_not_confirm_each_other() {
    let dedicated = [("i8g.2xlarge", "0.755"), ("i8g.4xlarge", "1.51"), ("i8g.8xlarge", "3.02")];
    let with_one_shared: Vec<_> = dedicated.iter().copied().chain([("i8g.16xlarge", "5.4912")]).collect();
    check(&[], &with_one_shared, "Dearer");
    check(&[("i8g.16xlarge", "5.4912")], &dedicated, "Dearer");
    // The weak point of the rule: no price in the family reveals it. The README counts these cases.
    check(&[], &dedicated, "0.755 proportional");
}

#[test]
fn gpu_sizes_are_confirmed_by_a_line() {
    let g6 = [
        ("g6.xlarge", "0.8048"),
        ("g6.2xlarge", "0.9776"),
        ("g6.4xlarge", "1.3232"),
        ("g6.8xlarge", "2.0144"),
        ("g6.12xlarge", "4.6016"),
    ];
    check(&[], &g6, "0.8048 proportional");
    check(&[], &g6[..3], "Unconfirmed");
    check(&[], &[&g6[4..], &g6[..4]].concat(), "Unconfirmed");
    check(&[], &[&[("g6.16xlarge", "3.7365")], &g6[..4]].concat(), "Unconfirmed");
}

#[test]
fn a_size_name_determines_its_units() {
    let check = |name: &str, vcpus: i64, expected: Option<&str>| {
        assert_eq!(units(name, vcpus).map(|u| u.to_string()), expected.map(String::from), "{name}");
    };
    check("t3.nano", 2, Some("0.25"));
    check("m6g.medium", 1, Some("2"));
    check("m5.xlarge", 4, Some("8"));
    check("m5.24xlarge", 96, Some("192"));
    check("m5.metal", 96, Some("192"));
    check("c8g.metal-48xl", 192, Some("384"));
    check("m5", 96, None);
    check("x.tiny", 96, None);
}
