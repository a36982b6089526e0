//! The sandbox's data about AWS: the newest regions, types, offerings and prices of the warehouse,
//! and observed spot prices.

use catalog::Value;
use console::{Failure, Settings};
use domain::Timestamp;
use sandbox::AwsFacts;

/// Number of days of spot prices that EC2 returns.
const SPOT_DAYS: i64 = 90;

/// Reads the whole tables, and the spot prices observed until `begins`. The data comes from the
/// seed and, where newer, from the lake.
pub(crate) fn read_facts(settings: &Settings, begins: Timestamp) -> Result<AwsFacts, Failure> {
    let unread = |error: &dyn std::fmt::Display| {
        Failure::broken(format!("the sandbox's types and prices cannot be read: {error}"))
            .hint("truffle status shows the content of the warehouse")
    };
    let warehouse = app::open_warehouse(settings).map_err(|e| unread(&e))?;
    let mut facts = AwsFacts::default();
    let ask = warehouse.as_ref();
    facts.add_regions(&ask.table("region").map_err(|e| unread(&e))?).map_err(|e| unread(&e))?;
    let reported = catalog::question("instance/reported").expect("a question of ours");
    // Types and prices are the newest ones, independent of the sandbox's clock.
    let newest = [("as_of".to_string(), Value::Timestamp(console::clock()))];
    let types = ask.ask(reported, &newest).map_err(|e| unread(&e))?;
    facts.add_types(&types).map_err(|e| unread(&e))?;
    facts.add_offerings(&ask.table("offering").map_err(|e| unread(&e))?).map_err(|e| unread(&e))?;
    facts.add_prices(&ask.table("price").map_err(|e| unread(&e))?).map_err(|e| unread(&e))?;
    let observed = catalog::question("spot/observed").expect("a question of ours");
    let regions: Vec<String> = facts.regions.keys().cloned().collect();
    for region in regions {
        let values = [
            ("region".to_string(), Value::Text(region)),
            ("days".to_string(), Value::Int(SPOT_DAYS)),
            ("as_of".to_string(), Value::Timestamp(begins)),
        ];
        let prices = ask.ask(observed, &values).map_err(|e| unread(&e))?;
        facts.add_spot_prices(prices).map_err(|e| unread(&e))?;
    }
    Ok(facts)
}
