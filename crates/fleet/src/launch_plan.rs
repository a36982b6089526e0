//! Plans a launch: the choices of a user and the facts of AWS give one request and its terms.

use crate::image::{ImageFacts, LaunchableType};
use crate::instance::NAME_TAG;
use crate::launch_request::{LaunchRequest, RootVolume, SpotMarket};
use crate::launch_tags::{LaunchTagError, check_tags};
use domain::{Timestamp, format_span};
use jiff::SignedDuration;
use lifecycle::clock_time;
use lifecycle::idle::IdleTerms;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};
use lifecycle::{EndAction, PowerOff, PurchasingOption, Terms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The end of a launch's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchBound {
    /// This much running time.
    For(#[serde(with = "clock_time::text")] SignedDuration),
    /// The running time until this instant.
    Until(Timestamp),
}

/// The choices of a user for one launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchChoices {
    /// The region's code.
    pub region: String,
    /// The name or the id of an availability zone.
    pub zone: Option<String>,
    /// The id of a subnet.
    pub subnet: Option<String>,
    /// The instance type.
    pub instance_type: String,
    /// The budget of running time.
    pub bound: LaunchBound,
    /// The longest life, extensions included.
    #[serde(with = "clock_time::text")]
    pub cap: SignedDuration,
    /// The action at the deadline; none for the one that the market allows, a stop if possible.
    pub on_expiry: Option<EndAction>,
    /// The time without work after which the instance is ended.
    #[serde(with = "optional_span", default)]
    pub idle_timeout: Option<SignedDuration>,
    /// The action after that time; none for the one that the market allows, a stop if possible.
    pub on_idle: Option<EndAction>,
    /// The size of the root volume in GiB.
    pub disk_gib: Option<u32>,
    /// Whether the instance can be hibernated.
    pub hibernation: bool,
    /// The spot request.
    pub spot: Option<SpotMarket>,
    /// The instance's name.
    pub name: Option<String>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
}

/// Serde functions for a span that may be missing.
mod optional_span {
    use domain::SignedDuration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(span: &Option<SignedDuration>, out: S) -> Result<S::Ok, S::Error> {
        span.map(domain::format_span).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<SignedDuration>, D::Error> {
        let text: Option<String> = Option::deserialize(input)?;
        text.map(|text| domain::parse_span(&text).map_err(D::Error::custom)).transpose()
    }
}

/// The identity of a launch.
#[derive(Debug, Clone, Copy)]
pub struct LaunchIdentity<'a> {
    /// Its id.
    pub id: &'a str,
    /// The owner of the instance.
    pub owner: &'a str,
    /// AWS's clock.
    pub now: Timestamp,
}

/// A planned launch.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchPlan {
    /// The request, without key, groups, profile and user data.
    pub request: LaunchRequest,
    /// The terms of the instance's life.
    pub terms: Terms,
}

/// The reason that there is no plan. The texts name the flags of spawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchPlanError {
    /// The end is over, or too near.
    #[error("--until {0:.0} is over, or less than a minute ahead")]
    IsOver(Timestamp),
    /// The budget exceeds the cap.
    #[error("--ttl {} is longer than --cap {}", format_span(*.0), format_span(*.1))]
    OverCap(SignedDuration, SignedDuration),
    /// A one-time spot instance cannot be stopped.
    #[error("{flag} {} is not possible for a spot instance: AWS stops only persistent spot requests", .action.verb())]
    SpotEnds {
        /// The flag with the action.
        flag: &'static str,
        /// The action.
        action: EndAction,
    },
    /// EC2 replaces a terminated instance of a persistent spot request.
    #[error("{0} terminate is not possible with --stoppable: EC2 would launch another spot instance")]
    SpotReturns(&'static str),
    /// A hibernation that was not enabled.
    #[error("{0} hibernate needs --hibernation at launch")]
    HibernationMissing(&'static str),
    /// A spot instance with hibernation.
    #[error("--hibernation cannot be combined with --spot")]
    SpotHibernation,
    /// EC2 cannot hibernate the type.
    #[error("--hibernation: EC2 cannot hibernate a {0}")]
    HibernationType(String),
    /// The memory is too large to be hibernated.
    #[error("--hibernation: a {0} has {1} GiB of memory, and EC2 hibernates less than 150 GiB")]
    HibernationMemory(String, u64),
    /// The root volume is smaller than the image or larger than a volume.
    #[error("--disk {0}: expected {1} to 65536 GiB")]
    Disk(u32, u32),
    /// An action for idleness without its time.
    #[error("--on-idle needs --idle-timeout")]
    IdleTimeoutMissing,
    /// The image cannot be launched.
    #[error("image {0} {1}")]
    Image(String, String),
    /// The terms are invalid.
    #[error("{0}")]
    Terms(String),
    /// A tag cannot be written.
    #[error(transparent)]
    Tag(#[from] LaunchTagError),
}

/// The shortest budget until an instant.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// EC2 hibernates instances with less memory than this.
const HIBERNATION_MEMORY_MIB: u64 = 150 * 1024;
/// The largest gp3 volume, in GiB.
const LARGEST_DISK: u32 = 65_536;

impl LaunchChoices {
    /// Checks the choices as far as that needs no fact of AWS.
    ///
    /// # Errors
    /// The choices contradict each other or AWS's limits.
    pub fn check(&self) -> Result<(), LaunchPlanError> {
        let now = match self.bound {
            LaunchBound::For(_) => Timestamp::UNIX_EPOCH,
            // An instant is compared with AWS's clock alone.
            LaunchBound::Until(until) => until - SHORTEST,
        };
        let terms = self.terms(now)?;
        self.all_tags(&terms, &LaunchIdentity { id: "", owner: "", now }).map(drop)
    }

    /// Returns the request and the terms of the launch.
    ///
    /// # Errors
    /// The choices contradict each other, the image, the type, or AWS's limits.
    pub fn plan(
        &self,
        kind: &LaunchableType,
        image: &ImageFacts,
        identity: &LaunchIdentity<'_>,
    ) -> Result<LaunchPlan, LaunchPlanError> {
        if let Some(problem) = image.problem(kind) {
            return Err(LaunchPlanError::Image(image.id.clone(), problem));
        }
        let terms = self.terms(identity.now)?;
        let root = RootVolume { device: image.root_device.clone(), gib: self.root_gib(kind, image)? };
        Ok(LaunchPlan {
            request: LaunchRequest {
                region: self.region.clone(),
                zone: self.zone.clone(),
                subnet: self.subnet.clone(),
                instance_type: self.instance_type.clone(),
                image: image.id.clone(),
                root: Some(root),
                hibernation: self.hibernation,
                spot: self.spot.clone(),
                power_off: terms.power_off,
                tags: self.all_tags(&terms, identity)?,
                ..LaunchRequest::default()
            },
            terms,
        })
    }

    fn budget(&self, now: Timestamp) -> Result<SignedDuration, LaunchPlanError> {
        let budget = match self.bound {
            LaunchBound::For(budget) => budget,
            LaunchBound::Until(until) => SignedDuration::from_secs(until.duration_since(now).as_secs()),
        };
        if let LaunchBound::Until(until) = self.bound
            && budget < SHORTEST
        {
            return Err(LaunchPlanError::IsOver(until));
        }
        match budget > self.cap {
            true => Err(LaunchPlanError::OverCap(budget, self.cap)),
            false => Ok(budget),
        }
    }

    fn terms(&self, now: Timestamp) -> Result<Terms, LaunchPlanError> {
        let market = match &self.spot {
            None => PurchasingOption::OnDemand,
            Some(SpotMarket { stoppable: false, .. }) => PurchasingOption::Spot,
            Some(SpotMarket { stoppable: true, .. }) => PurchasingOption::PersistentSpot,
        };
        let on_expiry = self.action("--on-expiry", self.on_expiry, market)?;
        let on_idle = self.action("--on-idle", self.on_idle, market)?;
        let idle = match (self.idle_timeout, self.on_idle) {
            (Some(timeout), _) => Some(IdleTerms { action: on_idle, ..IdleTerms::after(timeout) }),
            (None, Some(_)) => return Err(LaunchPlanError::IdleTimeoutMissing),
            (None, None) => None,
        };
        let terminates = match market {
            PurchasingOption::OnDemand => on_expiry == EndAction::Terminate,
            // AWS refuses any other setting.
            PurchasingOption::Spot => true,
            PurchasingOption::PersistentSpot => false,
        };
        let terms = Terms {
            cap: Some(now + self.cap),
            on_expiry,
            idle,
            market,
            power_off: if terminates { PowerOff::Terminates } else { PowerOff::Stops },
            ..Terms::with_budget(self.budget(now)?)
        };
        match terms.problem() {
            Some(problem) => Err(LaunchPlanError::Terms(problem)),
            None => Ok(terms),
        }
    }

    /// Returns the chosen action, or the default one of the market.
    fn action(
        &self,
        flag: &'static str,
        chosen: Option<EndAction>,
        market: PurchasingOption,
    ) -> Result<EndAction, LaunchPlanError> {
        match (market, chosen) {
            (PurchasingOption::Spot, None) => Ok(EndAction::Terminate),
            (_, None) => Ok(EndAction::Stop),
            (PurchasingOption::Spot, Some(action @ (EndAction::Stop | EndAction::Hibernate))) => {
                Err(LaunchPlanError::SpotEnds { flag, action })
            }
            (PurchasingOption::PersistentSpot, Some(EndAction::Terminate)) => {
                Err(LaunchPlanError::SpotReturns(flag))
            }
            (_, Some(EndAction::Hibernate)) if !self.hibernation => {
                Err(LaunchPlanError::HibernationMissing(flag))
            }
            (_, Some(action)) => Ok(action),
        }
    }

    /// Returns the size of the root volume. A hibernated instance keeps its memory there.
    fn root_gib(&self, kind: &LaunchableType, image: &ImageFacts) -> Result<u32, LaunchPlanError> {
        let mut least = image.root_gib;
        if self.hibernation {
            let memory = kind.memory_mib.div_ceil(1024);
            if self.spot.is_some() {
                return Err(LaunchPlanError::SpotHibernation);
            }
            if !kind.hibernates {
                return Err(LaunchPlanError::HibernationType(self.instance_type.clone()));
            }
            if kind.memory_mib >= HIBERNATION_MEMORY_MIB {
                return Err(LaunchPlanError::HibernationMemory(self.instance_type.clone(), memory));
            }
            least += memory as u32;
        }
        match self.disk_gib {
            Some(gib) if !(least..=LARGEST_DISK).contains(&gib) => Err(LaunchPlanError::Disk(gib, least)),
            chosen => Ok(chosen.unwrap_or(least)),
        }
    }

    fn all_tags(
        &self,
        terms: &Terms,
        identity: &LaunchIdentity<'_>,
    ) -> Result<BTreeMap<String, String>, LaunchPlanError> {
        let now = identity.now;
        let expiry = ExpiryTag { intent: BudgetIntent::Running(now + terms.budget), generation: 1 };
        let on_expiry = OnExpiryTag { action: terms.on_expiry, grace: terms.grace };
        let own = [
            (tag::MANAGED, tag::YES.to_string()),
            (tag::OWNER, identity.owner.to_string()),
            (tag::LAUNCH, identity.id.to_string()),
            (tag::PLANNED, tag::encode_cap(now)),
            (tag::EXPIRY, expiry.encode()),
            (tag::CAP, tag::encode_cap(now + self.cap)),
            (tag::ON_EXPIRY, on_expiry.encode()),
        ];
        let name = self.name.iter().map(|name| (NAME_TAG.to_string(), name.clone()));
        let mut tags: BTreeMap<String, String> = self.tags.clone().into_iter().chain(name).collect();
        check_tags(&tags, own.len() + LATER_TAGS)?;
        tags.extend(own.map(|(key, value)| (key.to_string(), value)));
        Ok(tags)
    }
}

/// How many more tags spawnd writes on the instance: the heartbeat and its report about itself.
const LATER_TAGS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().expect("an instant")
    }

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    fn choices() -> LaunchChoices {
        LaunchChoices {
            region: "us-east-1".into(),
            zone: None,
            subnet: None,
            instance_type: "t3.micro".into(),
            bound: LaunchBound::For(hours(8)),
            cap: hours(168),
            on_expiry: None,
            idle_timeout: None,
            on_idle: None,
            disk_gib: None,
            hibernation: false,
            spot: None,
            name: Some("try".into()),
            tags: BTreeMap::new(),
        }
    }

    fn facts() -> (LaunchableType, ImageFacts) {
        let kind =
            LaunchableType { architectures: vec!["x86_64".into()], memory_mib: 1025, hibernates: true };
        let image = ImageFacts {
            id: "ami-1".into(),
            architecture: "x86_64".into(),
            platform: "Linux/UNIX".into(),
            root_device: "/dev/sda1".into(),
            root_gib: 8,
            ..ImageFacts::default()
        };
        (kind, image)
    }

    fn planned(choices: &LaunchChoices) -> Result<LaunchPlan, String> {
        let (kind, image) = facts();
        let identity = LaunchIdentity { id: "0123", owner: "alice", now: now() };
        choices.plan(&kind, &image, &identity).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_encrypts_the_root_under_the_images_device_and_has_a_deadline() {
        let plan = planned(&choices()).unwrap();
        assert_eq!(plan.request.root, Some(RootVolume { device: "/dev/sda1".into(), gib: 8 }));
        assert_eq!(plan.request.tags[tag::EXPIRY], "v1;running;until=2026-11-23T20:00:00Z;gen=1");
        assert_eq!(plan.request.tags["Name"], "try");
        assert_eq!(plan.terms.budget, hours(8));
        let until = LaunchBound::Until(now() + hours(3));
        let plan = planned(&LaunchChoices { bound: until, ..choices() }).unwrap();
        assert_eq!(plan.terms.budget, hours(3));
        assert_eq!(plan.request.tags[tag::EXPIRY], "v1;running;until=2026-11-23T15:00:00Z;gen=1");
    }

    #[test]
    fn each_market_has_the_actions_that_aws_allows() {
        use EndAction::{Hibernate, Stop, Terminate};
        let spot = |stoppable| Some(SpotMarket { stoppable, max_price: None });
        let check = |spot: &Option<SpotMarket>, chosen: Option<EndAction>, expected: Result<_, &str>| {
            let found = planned(&LaunchChoices { spot: spot.clone(), on_expiry: chosen, ..choices() });
            let found = found.map(|plan| (plan.terms.on_expiry, plan.terms.power_off));
            match (found, expected) {
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => assert_eq!(found, expected.map_err(String::from)),
            }
        };
        check(&None, None, Ok((Stop, PowerOff::Stops)));
        check(&None, Some(Terminate), Ok((Terminate, PowerOff::Terminates)));
        check(&None, Some(Hibernate), Err("--on-expiry hibernate needs --hibernation"));
        check(&spot(false), None, Ok((Terminate, PowerOff::Terminates)));
        check(&spot(false), Some(Stop), Err("--on-expiry stop is not possible for a spot instance"));
        check(&spot(true), None, Ok((Stop, PowerOff::Stops)));
        check(&spot(true), Some(Terminate), Err("EC2 would launch another spot instance"));
    }

    #[test]
    fn hibernation_needs_a_fitting_type_and_disk() {
        let wanted = LaunchChoices { hibernation: true, ..choices() };
        assert_eq!(planned(&wanted).unwrap().request.root.unwrap().gib, 10, "8 and the memory");
        let small = LaunchChoices { disk_gib: Some(9), ..wanted.clone() };
        assert_eq!(planned(&small), Err("--disk 9: expected 10 to 65536 GiB".into()));
        let spot = Some(SpotMarket { stoppable: true, max_price: None });
        let found = planned(&LaunchChoices { spot, ..wanted.clone() });
        assert_eq!(found, Err("--hibernation cannot be combined with --spot".into()));
        let (mut kind, image) = facts();
        let identity = LaunchIdentity { id: "0123", owner: "alice", now: now() };
        kind.memory_mib = HIBERNATION_MEMORY_MIB;
        let found = wanted.plan(&kind, &image, &identity).unwrap_err();
        assert_eq!(found, LaunchPlanError::HibernationMemory("t3.micro".into(), 150));
        kind.hibernates = false;
        let found = wanted.plan(&kind, &image, &identity).unwrap_err();
        assert_eq!(found, LaunchPlanError::HibernationType("t3.micro".into()));
    }

    #[test]
    fn contradictions_are_refused() {
        let check = |choices: LaunchChoices, expected: &str| {
            let found = planned(&choices).unwrap_err();
            assert!(found.contains(expected), "{found}");
        };
        let until = |hours_from_now: i64| LaunchBound::Until(now() + hours(hours_from_now));
        check(LaunchChoices { bound: until(0), ..choices() }, "--until 2026-11-23T12:00:00Z is over");
        check(LaunchChoices { bound: until(169), ..choices() }, "--ttl 7d1h is longer than --cap 7d");
        check(LaunchChoices { disk_gib: Some(7), ..choices() }, "--disk 7: expected 8 to 65536 GiB");
        check(
            LaunchChoices { on_idle: Some(EndAction::Stop), ..choices() },
            "--on-idle needs --idle-timeout",
        );
        let tags = [("aws:x".to_string(), String::new())].into();
        check(LaunchChoices { tags, ..choices() }, "begins with aws:");
    }

    #[test]
    fn idleness_ends_an_instance_in_a_way_that_its_market_allows() {
        let idle = LaunchChoices { idle_timeout: Some(hours(1)), ..choices() };
        assert_eq!(planned(&idle).unwrap().terms.idle.unwrap().action, EndAction::Stop);
        let spot = Some(SpotMarket { stoppable: false, max_price: None });
        let plan = planned(&LaunchChoices { spot, ..idle }).unwrap();
        assert_eq!(plan.terms.idle.unwrap().action, EndAction::Terminate);
    }
}
