//! A launch plan in a file: `--plan FILE` writes it, `--yes --plan FILE` carries it out.

#![allow(clippy::disallowed_methods, reason = "a plan is a file of the user's choice")]

use std::fs;
use std::path::Path;

use console::{Failure, FailureKind};
use domain::Timestamp;
use durable::PRIVATE;
use serde::{Deserialize, Serialize};

use crate::launcher::args::LaunchArgs;
use crate::launcher::order::LaunchOrder;

/// The version that this program writes and reads.
const VERSION: u32 = 1;
/// Limit of the file, in MiB.
const LARGEST_PLAN: usize = 16;

/// A plan for one launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaunchPlanFile {
    version: u32,
    /// AWS's clock when it was made.
    pub(crate) made: Timestamp,
    /// The account that it was made for.
    pub(crate) account: String,
    /// The choices, with the image's id.
    pub(crate) order: LaunchOrder,
    /// Everything that the launch creates, and everything existing that it uses.
    pub(crate) resources: Vec<String>,
    /// The price per hour with its currency, if the warehouse had one.
    pub(crate) price_per_hour: Option<String>,
}

impl LaunchPlanFile {
    /// Creates a plan of this version.
    pub(crate) fn new(
        made: Timestamp,
        account: String,
        order: LaunchOrder,
        resources: Vec<String>,
        price_per_hour: Option<String>,
    ) -> LaunchPlanFile {
        LaunchPlanFile { version: VERSION, made, account, order, resources, price_per_hour }
    }

    /// Returns how a plan that was made now differs from this one, one line each.
    pub(crate) fn differences(&self, now: &LaunchPlanFile) -> Vec<String> {
        let mut found = Vec::new();
        if self.account != now.account {
            found.push(format!("the account is {}, planned was {}", now.account, self.account));
        }
        let only = |ours: &[String], theirs: &[String]| -> Vec<String> {
            ours.iter().filter(|one| !theirs.contains(one)).cloned().collect()
        };
        let more = only(&now.resources, &self.resources);
        found.extend(more.into_iter().map(|one| format!("not in the plan: {one}")));
        let fewer = only(&self.resources, &now.resources);
        found.extend(fewer.into_iter().map(|one| format!("only in the plan: {one}")));
        if let (Some(planned), Some(price)) = (&self.price_per_hour, &now.price_per_hour)
            && planned != price
        {
            found.push(format!("the price per hour is {price}, planned was {planned}"));
        }
        found
    }
}

/// Reads the plan of `--yes --plan FILE`.
///
/// # Errors
/// The file is not a plan of this version, or there are flags that the plan has itself.
pub(crate) fn read(file: &Path, args: &LaunchArgs) -> Result<LaunchPlanFile, Failure> {
    let alone = LaunchArgs { yes: true, plan: args.plan.clone(), anew: args.anew, ..LaunchArgs::default() };
    if *args != alone {
        let message = "--yes --plan cannot be combined with choices: the plan has its own";
        return Err(Failure::usage(message)
            .hint(format!("spawn launch --yes --plan {}, or write another plan", file.display())));
    }
    let bad = |why: String| {
        Failure::new(FailureKind::Data, format!("{} is not a plan: {why}", file.display()))
            .hint(format!("spawn launch t3.micro --ttl 8h --plan {} writes one", file.display()))
    };
    let text = fs::File::open(file).and_then(|file| domain::read_text(file, LARGEST_PLAN));
    let text = text.map_err(|error| {
        Failure::new(FailureKind::Data, format!("--plan {} cannot be read: {error}", file.display()))
            .hint("spawn launch t3.micro --ttl 8h --plan plan.json writes a plan")
    })?;
    let plan: LaunchPlanFile = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    match plan.version {
        VERSION => Ok(plan),
        other => Err(bad(format!("its version is {other}, and this program knows version {VERSION}"))),
    }
}

/// Writes a plan atomically, for its owner alone.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(file: &Path, plan: &LaunchPlanFile) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(plan).expect("a plan is plain JSON");
    durable::replace(file, format!("{text}\n").as_bytes(), PRIVATE)
        .map_err(|error| Failure::broken(format!("{} cannot be written: {error}", file.display())))
}
