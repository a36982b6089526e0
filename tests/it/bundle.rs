//! Bundles: data collected on one machine, imported on another without a network.

use std::fs;

use tests::Desk;

use crate::import::{import, write_price_list};

#[test]
fn a_signed_bundle_carries_data_to_another_machine() {
    let (here, there) = (Desk::default(), Desk::default());
    let rows = [("OnDemand", "Hrs", "0.1234", "", "")];
    let list = write_price_list("us-east-1", &here, "list.csv", "2026-01-01", &rows);
    import(&here, "price-list", &list, &["--whole"]).expect_success();
    let bundle = here.home().join("public.bundle");
    let path = bundle.to_string_lossy().into_owned();
    let dry = here.collector(&["bundle", "--to", &path, "--dry-run"]).expect_success();
    assert!(dry.contains('1') && !bundle.exists());
    let made = here.collector(&["bundle", "--to", &path]);
    let told = made.err.clone();
    assert!(made.expect_success().contains('1') && told.contains("signed by "), "{told}");
    let signer = told.split("signed by ").nth(1).unwrap().split(':').next().unwrap().to_string();
    assert_eq!(signer.len(), 64);
    assert_eq!(here.collector(&["bundle", "--to", &path]).code, 2);

    let unknown = there.collector(&["import", &path]);
    assert_eq!(unknown.code, 5, "{unknown:?}");
    assert!(
        unknown.err.contains(&format!("it is signed by {signer}, which is not a trusted key")),
        "{unknown:?}"
    );
    assert!(!there.home().join(".local/share/mycelium/CURRENT").exists());
    let other = "ab".repeat(32);
    let wrong = there.collector(&["import", "bundle", &path, "--signer", &other]);
    assert_eq!(wrong.code, 4, "{wrong:?}");
    let taken = there.collector(&["import", &path, "--signer", &signer, "-o", "json"]).expect_success();
    assert!(taken.contains("\"rows_kept\": 1"), "{taken}");
    // A known signer need not be named again, and known rows are not stored again.
    let again = there.collector(&["import", &path, "-o", "json"]).expect_success();
    assert!(again.contains("\"rows_kept\": 0"), "{again}");
    let words = ["query", "price/on-demand", "--param", "type=m7i.large", "-o", "csv", "-q"];
    let found = there.truffle(&words).expect_success();
    assert!(found.contains("us-east-1,0.1234,USD,2026-01-01"), "{found}");

    let mut bytes = fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    assert_eq!(there.collector(&["import", &path]).code, 4);
}
