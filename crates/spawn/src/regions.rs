//! A look into several regions: what was seen, since when it is so, and what could not be seen.

use console::{Failure, Printer, did_you_mean};
use domain::Timestamp;
use fleet::cloud::{Caller, Cloud, Seen, Which};

/// What was seen in all regions.
pub(crate) struct Everywhere {
    pub(crate) seen: Vec<Seen>,
    /// AWS's clock at the first answer: nothing is older than it seems.
    pub(crate) at: Timestamp,
    /// Region, and why nothing is known of it.
    pub(crate) gaps: Vec<(String, String)>,
}

/// The regions to look into: those that were named, or all that the account can use.
pub(crate) fn chosen(named: &[String], caller: &Caller) -> Result<Vec<String>, Failure> {
    for name in named {
        if !caller.regions.contains(name) {
            let near = did_you_mean(name, caller.regions.iter().map(String::as_str));
            return Err(Failure::usage(format!("the account cannot use a region \"{name}\"{near}"))
                .hint("aws ec2 describe-regions lists those that it can"));
        }
    }
    Ok(if named.is_empty() { caller.regions.clone() } else { named.to_vec() })
}

/// Looks; an answer without AWS's time is a gap, because nothing can be judged by it.
pub(crate) fn look(cloud: &dyn Cloud, regions: &[String], which: Which<'_>, now: Timestamp) -> Everywhere {
    let mut found = Everywhere { seen: Vec::new(), at: now, gaps: Vec::new() };
    let mut first: Option<Timestamp> = None;
    for looked in cloud.look(regions, which) {
        match (looked.seen, looked.at) {
            (Ok(seen), Some(at)) => {
                found.seen.extend(seen);
                first = Some(first.map_or(at, |first| first.min(at)));
            }
            (Ok(_), None) => found.gaps.push((looked.region, "AWS did not say what time it is".to_string())),
            (Err(why), _) => found.gaps.push((looked.region, why)),
        }
    }
    found.at = first.unwrap_or(now);
    found
}

impl Everywhere {
    /// Says what could not be seen.
    pub(crate) fn note_gaps(&self, printer: &mut Printer) {
        for (region, why) in &self.gaps {
            printer.note(&format!("{region} could not be looked into: {why}"));
        }
    }

    /// The failure that what could not be seen is.
    pub(crate) fn gap(&self) -> Result<(), Failure> {
        match self.gaps.len() {
            0 => Ok(()),
            1 => Err(Failure::broken(format!("{} could not be looked into", self.gaps[0].0))),
            more => Err(Failure::broken(format!("{more} regions could not be looked into"))),
        }
        .map_err(|failure| failure.hint("instances there may be overdue: the same command can be run again"))
    }
}
