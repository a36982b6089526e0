//! An account with its instances in memory, for tests of launching and ending them. It is strict
//! where these depend on EC2, and does nothing else.

use super::FleetError;
use super::account::{Account, AccountRegions, CallerAccount};
use super::images::{FoundImage, Images};
use super::instances::{InstanceSelector, Instances, RegionInstances};
use super::quotas::Quotas;
use crate::image::{ImageAlias, ImageChoice, ImageFacts, LaunchableType};
use crate::instance::{
    InstanceDetails, InstanceSpotRequest, InstanceState, InstanceView, MetadataSettings, PowerRequest,
    ReapAction,
};
use crate::launch::{LaunchReply, LaunchRequest};
use crate::remains::RemainingResource;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::tag;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// How long a token is remembered after its last use: no longer than AWS promises.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);
/// How long a new instance is invisible; AWS advises to allow five minutes.
const UNSEEN: SignedDuration = SignedDuration::from_mins(4);
/// How long a start and a stop take.
const STARTING: SignedDuration = SignedDuration::from_secs(20);
const STOPPING: SignedDuration = SignedDuration::from_secs(40);
/// How long a terminated instance remains visible.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// An account with its instances in memory: the fake of every port.
pub struct MemoryFleet {
    caller: CallerAccount,
    regions: AccountRegions,
    region_requests: Cell<u32>,
    now: Cell<Timestamp>,
    held: RefCell<Vec<MemoryInstance>>,
    tokens: RefCell<BTreeMap<String, MemoryLaunchToken>>,
    /// Delayed requests, with their times of arrival.
    late: RefCell<Vec<(Timestamp, LaunchRequest, String)>>,
    cancelled: RefCell<Vec<String>>,
    /// The fate of new instances; none if they run at once.
    fate: RefCell<Option<PendingFate>>,
    /// The resources that stay after an end, by instance.
    remains: RefCell<BTreeMap<String, Vec<RemainingResource>>>,
    /// Console outputs by instance.
    consoles: RefCell<BTreeMap<String, String>>,
    /// The images beside those of the aliases.
    images: RefCell<Vec<ImageFacts>>,
    /// Values of quotas by code; a quota without one cannot be read.
    quotas: RefCell<BTreeMap<String, f64>>,
}

struct MemoryInstance {
    seen: InstanceView,
    visible: Timestamp,
    gone: Option<Timestamp>,
    /// When it leaves the state pending, and the state and reason that follow.
    settles: Option<(Timestamp, InstanceState, Option<String>)>,
}

/// The fate of pending instances: how long they are pending, then the state and EC2's reason.
type PendingFate = (SignedDuration, InstanceState, Option<String>);

struct MemoryLaunchToken {
    request: LaunchRequest,
    id: String,
    used: Timestamp,
}

impl MemoryFleet {
    /// Creates an account without instances, with two regions and a disabled one.
    pub fn new(caller: CallerAccount) -> MemoryFleet {
        let now = Cell::new(caller.now);
        MemoryFleet {
            caller,
            regions: AccountRegions {
                enabled: vec!["eu-west-1".into(), "us-east-1".into()],
                disabled: vec!["me-south-1".into()],
            },
            region_requests: Cell::new(0),
            now,
            held: RefCell::default(),
            tokens: RefCell::default(),
            late: RefCell::default(),
            cancelled: RefCell::default(),
            fate: RefCell::default(),
            remains: RefCell::default(),
            consoles: RefCell::default(),
            images: RefCell::default(),
            quotas: RefCell::default(),
        }
    }

    /// Returns an instance for [`MemoryFleet::add`]: on demand, created at this instant, running
    /// since, and without tags, disks and protection.
    pub fn instance(id: &str, created: Timestamp) -> InstanceView {
        InstanceView {
            account: "111122223333".to_string(),
            region: "us-east-1".to_string(),
            id: id.to_string(),
            instance_type: "t3.micro".to_string(),
            state: InstanceState::Running,
            tags: BTreeMap::new(),
            launched: Known::Is(created),
            created: Known::Is(created),
            stopped: None,
            reason: None,
            disks: Vec::new(),
            protected: Known::Is(false),
            spot: None,
            metadata: None,
            details: InstanceDetails::default(),
        }
    }

    /// Returns how often the account's regions were requested.
    pub fn region_requests(&self) -> u32 {
        self.region_requests.get()
    }

    /// Advances the clock; delayed requests arrive at their times.
    pub fn forward(&self, span: SignedDuration) {
        let then = domain::later(self.now.get(), span);
        while let Some((at, request, token)) = self.next_before(then) {
            self.now.set(at);
            self.launch_once(&request, &token);
        }
        self.now.set(then);
        for held in self.held.borrow_mut().iter_mut() {
            if let Some((_, state, reason)) = held.settles.take_if(|(at, ..)| *at <= then) {
                (held.seen.state, held.seen.reason) = (state, reason);
                held.gone = state.is_over().then_some(then);
            }
        }
    }

    /// From now on, new instances are pending for a time, and then in this state for this reason.
    pub fn launch_pending(&self, span: SignedDuration, then: InstanceState, reason: Option<&str>) {
        *self.fate.borrow_mut() = Some((span, then, reason.map(String::from)));
    }

    fn next_before(&self, then: Timestamp) -> Option<(Timestamp, LaunchRequest, String)> {
        let mut late = self.late.borrow_mut();
        let next = (0..late.len()).min_by_key(|index| late[*index].0)?;
        (late[next].0 <= then).then(|| late.remove(next))
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Adds an instance.
    pub fn add(&self, seen: InstanceView) {
        let visible = self.now.get();
        self.held.borrow_mut().push(MemoryInstance { seen, visible, gone: None, settles: None });
    }

    /// Sets the resources that stay when an instance has ended.
    pub fn set_remains(&self, id: &str, remains: Vec<RemainingResource>) {
        self.remains.borrow_mut().insert(id.to_string(), remains);
    }

    /// Sets the console output of an instance.
    pub fn set_console(&self, id: &str, text: &str) {
        self.consoles.borrow_mut().insert(id.to_string(), text.to_string());
    }

    /// Adds an image.
    pub fn add_image(&self, image: ImageFacts) {
        self.images.borrow_mut().push(image);
    }

    /// Sets the value of a quota.
    pub fn set_quota(&self, code: &str, value: f64) {
        self.quotas.borrow_mut().insert(code.to_string(), value);
    }

    /// Changes an instance, as another client may.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut InstanceView)) {
        let mut held = self.held.borrow_mut();
        if let Some(held) = held.iter_mut().find(|held| held.seen.id == id) {
            change(&mut held.seen);
            if held.seen.state.is_over() && held.gone.is_none() {
                held.gone = Some(self.now.get());
            }
        }
    }

    /// Returns every instance that was ever launched or added, in its present state.
    pub fn all(&self) -> Vec<InstanceView> {
        self.held.borrow().iter().map(|held| held.seen.clone()).collect()
    }

    /// Delays a request by `delay`; its answer is lost.
    pub(super) fn launch_late(&self, request: &LaunchRequest, token: &str, delay: SignedDuration) {
        let at = domain::later(self.now.get(), delay);
        self.late.borrow_mut().push((at, request.clone(), token.to_string()));
    }

    /// Launches a replacement for a terminated instance with a persistent spot request.
    fn replace(&self, id: &str) {
        let all = self.all();
        let Some(seen) = all.iter().find(|seen| seen.id == id) else { return };
        let Some(spot) = &seen.spot else { return };
        if spot.persistent == Known::Is(true) && !self.cancelled.borrow().contains(&spot.request) {
            let id = format!("i-memory{:04}", all.len());
            self.add(InstanceView { id, state: InstanceState::Running, ..seen.clone() });
        }
    }

    fn shows(&self, held: &MemoryInstance, which: InstanceSelector<'_>) -> bool {
        let now = self.now.get();
        let there = held.visible <= now && held.gone.is_none_or(|at| now < domain::later(at, SHOWN));
        there
            && match which {
                InstanceSelector::All => true,
                InstanceSelector::Ids(ids) => ids.contains(&held.seen.id),
                InstanceSelector::Launch(id) => held.seen.tag(tag::LAUNCH) == Some(id),
            }
    }

    fn launch(&self, request: &LaunchRequest) -> String {
        let now = self.now.get();
        let mut held = self.held.borrow_mut();
        let id = format!("i-memory{:04}", held.len());
        let fate = self.fate.borrow().clone();
        let settles = fate.map(|(span, state, why)| (domain::later(now, span), state, why));
        let seen = InstanceView {
            account: self.caller.account.clone(),
            region: request.region.clone(),
            instance_type: request.instance_type.clone(),
            state: if settles.is_some() { InstanceState::Pending } else { InstanceState::Running },
            tags: request.tags.clone(),
            spot: request.spot.as_ref().map(|spot| InstanceSpotRequest {
                request: format!("sir-{id}"),
                persistent: Known::Is(spot.stoppable),
            }),
            metadata: Some(MetadataSettings { session_required: true, hops: 1, tags: true }),
            details: InstanceDetails {
                zone: request.zone.clone().or_else(|| Some(format!("{}a", request.region))),
                key_name: request.key.clone(),
                image: Some(request.image.clone()),
                subnet: request.subnet.clone(),
                groups: request.groups.clone(),
                profile: request
                    .profile
                    .as_ref()
                    .map(|name| format!("arn:aws:iam::1:instance-profile/{name}")),
                hibernates: request.hibernation,
                ..InstanceDetails::default()
            },
            ..MemoryFleet::instance(&id, now)
        };
        let visible = domain::later(now, UNSEEN);
        held.push(MemoryInstance { seen, visible, gone: None, settles });
        id
    }
}

impl Account for MemoryFleet {
    fn caller(&self) -> Result<CallerAccount, FleetError> {
        Ok(CallerAccount { now: self.now.get(), ..self.caller.clone() })
    }

    fn regions(&self) -> Result<AccountRegions, FleetError> {
        self.region_requests.set(self.region_requests.get() + 1);
        Ok(self.regions.clone())
    }
}

impl Quotas for MemoryFleet {
    fn read_quota(&self, _: &str, code: &str) -> Result<f64, FleetError> {
        let known = self.quotas.borrow().get(code).copied();
        known.ok_or_else(|| FleetError::Failed(format!("there is no quota {code}")))
    }
}

impl Instances for MemoryFleet {
    fn list_instances(&self, regions: &[String], which: InstanceSelector<'_>) -> Vec<RegionInstances> {
        let held = self.held.borrow();
        let look = |region: &String| {
            let here = held.iter().filter(|held| held.seen.region == *region && self.shows(held, which));
            let unasked = Known::Unseen("not asked".to_string());
            let seen =
                here.map(|held| InstanceView { protected: unasked.clone(), ..held.seen.clone() }).collect();
            RegionInstances { region: region.clone(), at: Some(self.now.get()), seen: Ok(seen) }
        };
        regions.iter().map(look).collect()
    }

    fn read_protection(&self, _: &str, id: &str) -> Result<bool, FleetError> {
        let held = self.held.borrow();
        let found = held.iter().find(|held| held.seen.id == id).map(|held| &held.seen.protected);
        match found {
            Some(Known::Is(protected)) => Ok(*protected),
            Some(Known::Unseen(why)) => Err(FleetError::Failed(why.clone())),
            Some(Known::Absent) | None => Err(FleetError::Failed("there is no such instance".to_string())),
        }
    }

    fn cancel_spot_request(&self, _: &str, request: &str) -> Result<(), FleetError> {
        self.cancelled.borrow_mut().push(request.to_string());
        Ok(())
    }

    fn end_instance(&self, _: &str, id: &str, how: ReapAction) -> Result<(), FleetError> {
        if self.read_protection("", id) == Ok(true) {
            return Err(FleetError::Failed("it may not be ended".to_string()));
        }
        self.change(id, |seen| {
            seen.state = match how {
                ReapAction::Stop => InstanceState::Stopping,
                ReapAction::Terminate => InstanceState::ShuttingDown,
            }
        });
        if how == ReapAction::Terminate {
            self.replace(id);
        }
        Ok(())
    }

    fn change_power(&self, region: &str, id: &str, request: PowerRequest) -> Result<(), FleetError> {
        let refused = |why: &str| {
            let code = "IncorrectInstanceState".to_string();
            Err(FleetError::Refused { code, why: why.to_string() })
        };
        let all = self.all();
        let Some(seen) = all.iter().find(|seen| seen.id == id) else {
            return refused("there is no such instance");
        };
        let one_time = seen.spot.as_ref().is_some_and(|spot| spot.persistent == Known::Is(false));
        let next = match (request, seen.state) {
            (PowerRequest::Stop | PowerRequest::ForceStop | PowerRequest::Hibernate, _) if one_time => {
                let code = "UnsupportedOperation".to_string();
                return Err(FleetError::Refused { code, why: "a one-time spot instance".to_string() });
            }
            (PowerRequest::Terminate, _) => return self.end_instance(region, id, ReapAction::Terminate),
            (PowerRequest::Start, InstanceState::Stopped) => InstanceState::Pending,
            (PowerRequest::Hibernate, InstanceState::Running) if !seen.details.hibernates => {
                let code = "UnsupportedHibernationConfiguration".to_string();
                return Err(FleetError::Refused { code, why: "it was launched without hibernation".into() });
            }
            (PowerRequest::Stop | PowerRequest::ForceStop | PowerRequest::Hibernate, state)
                if state.runs() || state == InstanceState::Stopping =>
            {
                InstanceState::Stopping
            }
            (PowerRequest::Reboot, InstanceState::Running) => InstanceState::Running,
            (_, state) => return refused(&format!("it is {}", state.word())),
        };
        let now = self.now.get();
        let mut held = self.held.borrow_mut();
        let Some(held) = held.iter_mut().find(|held| held.seen.id == id) else { return Ok(()) };
        held.seen.state = next;
        match next {
            InstanceState::Pending => {
                (held.seen.launched, held.seen.stopped) = (Known::Is(now), None);
                held.settles = Some((domain::later(now, STARTING), InstanceState::Running, None));
            }
            InstanceState::Stopping => {
                held.seen.stopped = Some(now);
                held.settles = Some((domain::later(now, STOPPING), InstanceState::Stopped, None));
            }
            _ => {}
        }
        Ok(())
    }

    fn write_tags(&self, _: &str, id: &str, tags: &BTreeMap<String, String>) -> Result<(), FleetError> {
        self.change(id, |seen| seen.tags.extend(tags.clone()));
        Ok(())
    }

    fn read_console(&self, _: &str, id: &str) -> Result<Option<String>, FleetError> {
        Ok(self.consoles.borrow().get(id).cloned())
    }

    fn list_remains(&self, _: &str, id: &str, _: &[String]) -> Result<Vec<RemainingResource>, FleetError> {
        Ok(self.remains.borrow().get(id).cloned().unwrap_or_default())
    }

    fn check_launch(&self, _: &LaunchRequest) -> Result<(), FleetError> {
        Ok(())
    }

    fn launch_once(&self, request: &LaunchRequest, token: &str) -> LaunchReply {
        let now = self.now.get();
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain(|_, token| now.duration_since(token.used) < MEMORY);
        if let Some(known) = tokens.get(token) {
            if known.request != *request {
                return LaunchReply::Mismatch("the token came with another request".to_string());
            }
            let held = self.held.borrow();
            let over = held.iter().any(|held| held.seen.id == known.id && held.seen.state.is_over());
            return if over { LaunchReply::Ended } else { LaunchReply::Launched(known.id.clone()) };
        }
        let id = self.launch(request);
        tokens.insert(
            token.to_string(),
            MemoryLaunchToken { request: request.clone(), id: id.clone(), used: now },
        );
        LaunchReply::Launched(id)
    }
}

/// Returns the newest image of a kind. Its id is derived from the alias, such as `ami-al2023`.
fn newest_image(alias: ImageAlias) -> ImageFacts {
    ImageFacts {
        id: format!("ami-{}", alias.name()),
        name: alias.name().to_string(),
        owner: "amazon".to_string(),
        architecture: "x86_64".to_string(),
        platform: "Linux/UNIX".to_string(),
        root_device: "/dev/xvda".to_string(),
        root_gib: 8,
    }
}

impl Images for MemoryFleet {
    fn query_image<'a>(
        &'a self,
        region: &str,
        instance_type: &str,
        choice: &ImageChoice,
    ) -> Box<dyn FnOnce() -> FoundImage + 'a> {
        // The only types with hibernation or another architecture than x86_64, as in EC2.
        let kind = LaunchableType {
            architectures: vec![
                match instance_type.starts_with("mac") {
                    true => "x86_64_mac",
                    false => "x86_64",
                }
                .to_string(),
            ],
            memory_mib: 1024,
            hibernates: instance_type.starts_with("t3."),
        };
        let found = match choice {
            ImageChoice::Newest(alias) => Ok(kind.architecture().map(|_| newest_image(*alias))),
            ImageChoice::Id(id) => self.describe_image(region, id).map(Some),
        };
        Box::new(move || found.map(|image| (kind, image)))
    }

    fn describe_image(&self, _: &str, id: &str) -> Result<ImageFacts, FleetError> {
        let own = self.images.borrow();
        let found = own.iter().find(|image| image.id == id).cloned();
        let newest = ImageAlias::ALL.into_iter().map(newest_image);
        found.or_else(|| newest.into_iter().find(|image| image.id == id)).ok_or_else(|| FleetError::Refused {
            code: "InvalidAMIID.NotFound".to_string(),
            why: format!("the image {id} does not exist"),
        })
    }
}
