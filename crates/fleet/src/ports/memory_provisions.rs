//! Key pairs, security groups and roles in memory, with faults on demand, for tests.

use super::FleetError;
use super::daemon_objects::{BucketObject, DaemonObjects, SignedAddress};
use super::groups::{GroupRule, GroupRuleAge, GroupSelector, GroupView, Groups, SubnetView};
use super::keys::{KeyPairView, Keys};
use super::provisioning::Provisioning;
use super::roles::{RolePolicies, RoleQuery, RoleView, Roles};
use domain::{SignedDuration, Timestamp};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The fault of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvisionFault {
    /// AWS refuses it with this code, always.
    Denied(String),
    /// AWS refuses it once with this code.
    Refused(String),
    /// The request never arrives.
    Lost,
    /// The request is carried out, and its answer is lost.
    ReplyLost,
}

/// The key pairs, groups and subnets of one region.
#[derive(Debug, Clone, Default)]
struct MemoryRegion {
    keys: Vec<KeyPairView>,
    groups: Vec<GroupView>,
    subnets: Vec<SubnetView>,
    /// The instants in the tags of rules, by group id and rule.
    added: Vec<(String, GroupRule, Timestamp)>,
}

/// Everything at one instant.
#[derive(Debug, Clone, Default)]
struct MemoryState {
    regions: BTreeMap<String, MemoryRegion>,
    roles: BTreeMap<String, RoleView>,
    /// The bytes of objects by bucket and key.
    objects: BTreeMap<(String, String), Vec<u8>>,
    numbered: u32,
}

/// Key pairs, security groups and roles in memory.
#[derive(Default)]
pub struct MemoryProvisions {
    now: RefCell<MemoryState>,
    /// The state before the last change, which the next reads still show.
    before: RefCell<MemoryState>,
    stale: Cell<u32>,
    faults: RefCell<Vec<(String, ProvisionFault)>>,
    calls: RefCell<Vec<String>>,
    /// How long the credentials still work; none for keys without an end.
    credentials: Cell<Option<SignedDuration>>,
}

impl MemoryProvisions {
    /// Creates an account whose region has a default VPC with one subnet.
    pub fn with_default_vpc(region: &str) -> MemoryProvisions {
        let memory = MemoryProvisions::default();
        let subnet = SubnetView {
            id: "subnet-memory1".into(),
            vpc: "vpc-memory1".into(),
            zone: format!("{region}a"),
            is_default: true,
            range: "172.31.0.0/20".into(),
        };
        memory.add_subnet(region, subnet);
        memory
    }

    /// Adds a subnet.
    pub fn add_subnet(&self, region: &str, subnet: SubnetView) {
        self.now.borrow_mut().regions.entry(region.to_string()).or_default().subnets.push(subnet);
    }

    /// Adds a key pair.
    pub fn add_key(&self, region: &str, key: KeyPairView) {
        self.now.borrow_mut().regions.entry(region.to_string()).or_default().keys.push(key);
    }

    /// Adds a security group.
    pub fn add_group(&self, region: &str, group: GroupView) {
        self.now.borrow_mut().regions.entry(region.to_string()).or_default().groups.push(group);
    }

    /// Sets a role.
    pub fn set_role(&self, name: &str, view: RoleView) {
        self.now.borrow_mut().roles.insert(name.to_string(), view);
    }

    /// Sets how long the credentials still work.
    pub fn end_credentials(&self, after: SignedDuration) {
        self.credentials.set(Some(after));
    }

    /// Returns the keys and bytes of a bucket's objects.
    pub fn objects(&self, bucket: &str) -> Vec<(String, Vec<u8>)> {
        let now = self.now.borrow();
        let own = now.objects.iter().filter(|((name, _), _)| name == bucket);
        own.map(|((_, key), bytes)| (key.clone(), bytes.clone())).collect()
    }

    /// Adds a fault of the next call with this name, such as `create_role`.
    pub fn fail(&self, call: &str, fault: ProvisionFault) {
        self.faults.borrow_mut().push((call.to_string(), fault));
    }

    /// After the next change, this many reads still show the state before it.
    pub fn show_changes_late(&self, reads: u32) {
        self.stale.set(reads);
    }

    /// Returns the names of all calls that changed something, in their order.
    pub fn changes(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    fn fault(&self, call: &str) -> Option<ProvisionFault> {
        let mut faults = self.faults.borrow_mut();
        let at = faults.iter().position(|(name, _)| name == call)?;
        match &faults[at].1 {
            ProvisionFault::Denied(_) => Some(faults[at].1.clone()),
            _ => Some(faults.remove(at).1),
        }
    }

    fn read<T>(&self, call: &str, read: impl FnOnce(&MemoryState) -> T) -> Result<T, FleetError> {
        match self.fault(call) {
            Some(ProvisionFault::Denied(code) | ProvisionFault::Refused(code)) => {
                return Err(refused(&code, call));
            }
            Some(ProvisionFault::Lost | ProvisionFault::ReplyLost) => return Err(lost()),
            None => {}
        }
        let is_stale = self.stale.get() > 0 && !self.calls.borrow().is_empty();
        if is_stale {
            self.stale.set(self.stale.get() - 1);
            return Ok(read(&self.before.borrow()));
        }
        Ok(read(&self.now.borrow()))
    }

    fn change<T>(
        &self,
        call: &str,
        change: impl FnOnce(&mut MemoryState) -> Result<T, FleetError>,
    ) -> Result<T, FleetError> {
        let fault = self.fault(call);
        match &fault {
            Some(ProvisionFault::Denied(code) | ProvisionFault::Refused(code)) => {
                return Err(refused(code, call));
            }
            Some(ProvisionFault::Lost) => return Err(lost()),
            Some(ProvisionFault::ReplyLost) | None => {}
        }
        let before = self.now.borrow().clone();
        let done = change(&mut self.now.borrow_mut())?;
        self.before.replace(before);
        self.calls.borrow_mut().push(call.to_string());
        if fault.is_some() { Err(lost()) } else { Ok(done) }
    }

    fn change_region<T>(
        &self,
        call: &str,
        region: &str,
        change: impl FnOnce(&mut MemoryRegion, u32) -> Result<T, FleetError>,
    ) -> Result<T, FleetError> {
        self.change(call, |state| {
            state.numbered += 1;
            let number = state.numbered;
            change(state.regions.entry(region.to_string()).or_default(), number)
        })
    }

    fn read_region<T: Default>(
        &self,
        call: &str,
        region: &str,
        read: impl FnOnce(&MemoryRegion) -> T,
    ) -> Result<T, FleetError> {
        self.read(call, |state| state.regions.get(region).map(read).unwrap_or_default())
    }

    fn change_role(
        &self,
        call: &str,
        name: &str,
        change: impl FnOnce(&mut RoleView) -> Result<(), FleetError>,
    ) -> Result<(), FleetError> {
        self.change(call, |state| change(state.roles.entry(name.to_string()).or_default()))
    }
}

fn refused(code: &str, call: &str) -> FleetError {
    FleetError::Refused { code: code.to_string(), why: format!("{call}: {code}") }
}

fn lost() -> FleetError {
    FleetError::Failed("no answer in time".to_string())
}

impl Keys for MemoryProvisions {
    fn list_keys(&self, region: &str) -> Result<Vec<KeyPairView>, FleetError> {
        self.read_region("list_keys", region, |here| here.keys.clone())
    }

    fn import_key(
        &self,
        region: &str,
        name: &str,
        public_key: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), FleetError> {
        self.change_region("import_key", region, |here, _| {
            if here.keys.iter().any(|key| key.name == name) {
                return Err(refused("InvalidKeyPair.Duplicate", "import_key"));
            }
            here.keys.push(KeyPairView {
                name: name.into(),
                kind: "ed25519".into(),
                public_key: Some(public_key.into()),
                tags: tags.clone(),
                ..KeyPairView::default()
            });
            Ok(())
        })
    }

    fn delete_key(&self, region: &str, name: &str) -> Result<(), FleetError> {
        self.change_region("delete_key", region, |here, _| {
            here.keys.retain(|key| key.name != name);
            Ok(())
        })
    }
}

impl Groups for MemoryProvisions {
    fn find_groups(&self, region: &str, which: GroupSelector<'_>) -> Result<Vec<GroupView>, FleetError> {
        let fits = |group: &&GroupView| match which {
            GroupSelector::Names(names) => names.contains(&group.name),
            GroupSelector::Ids(ids) => ids.contains(&group.id),
        };
        self.read_region("find_groups", region, |here| here.groups.iter().filter(fits).cloned().collect())
    }

    fn list_subnets(&self, region: &str) -> Result<Vec<SubnetView>, FleetError> {
        self.read_region("list_subnets", region, |here| here.subnets.clone())
    }

    fn list_rule_ages(&self, region: &str, groups: &[String]) -> Result<Vec<GroupRuleAge>, FleetError> {
        self.read_region("list_rule_ages", region, |here| {
            let wanted = here.groups.iter().filter(|group| groups.contains(&group.id));
            let ages = wanted.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
            ages.map(|(group, rule)| {
                let added = here.added.iter().find(|(id, one, _)| *id == group.id && one.allows_same(rule));
                GroupRuleAge { group: group.id.clone(), rule: rule.clone(), added: added.map(|one| one.2) }
            })
            .collect()
        })
    }

    fn create_group(
        &self,
        region: &str,
        vpc: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, FleetError> {
        self.change_region("create_group", region, |here, number| {
            if here.groups.iter().any(|group| group.vpc == vpc && group.name == name) {
                return Err(refused("InvalidGroup.Duplicate", "create_group"));
            }
            let id = format!("sg-memory{number}");
            here.groups.push(GroupView {
                id: id.clone(),
                name: name.into(),
                vpc: vpc.into(),
                rules: Vec::new(),
                tags: tags.clone(),
            });
            Ok(id)
        })
    }

    fn add_rule(
        &self,
        region: &str,
        group: &str,
        rule: &GroupRule,
        added: Timestamp,
    ) -> Result<(), FleetError> {
        self.change_region("add_rule", region, |here, _| {
            let found = here.groups.iter_mut().find(|one| one.id == group);
            let found = found.ok_or_else(|| refused("InvalidGroup.NotFound", "add_rule"))?;
            if found.rules.iter().any(|one| one.allows_same(rule)) {
                return Err(refused("InvalidPermission.Duplicate", "add_rule"));
            }
            found.rules.push(rule.clone());
            here.added.push((group.to_string(), rule.clone(), added));
            Ok(())
        })
    }

    fn remove_rule(&self, region: &str, group: &str, rule: &GroupRule) -> Result<(), FleetError> {
        self.change_region("remove_rule", region, |here, _| {
            let found = here.groups.iter_mut().find(|one| one.id == group);
            let found = found.ok_or_else(|| refused("InvalidGroup.NotFound", "remove_rule"))?;
            let at = found.rules.iter().position(|one| one.allows_same(rule));
            let at = at.ok_or_else(|| refused("InvalidPermission.NotFound", "remove_rule"))?;
            found.rules.remove(at);
            here.added.retain(|(id, one, _)| id != group || !one.allows_same(rule));
            Ok(())
        })
    }

    fn delete_group(&self, region: &str, group: &str) -> Result<(), FleetError> {
        self.change_region("delete_group", region, |here, _| {
            here.groups.retain(|one| one.id != group);
            Ok(())
        })
    }
}

impl Roles for MemoryProvisions {
    fn read_role(&self, query: RoleQuery<'_>) -> Result<RoleView, FleetError> {
        self.read("read_role", |state| {
            let view = state.roles.get(query.name).cloned().unwrap_or_default();
            let is_known = |id: &&str| view.id.as_deref() == Some(*id) && view.profile.is_some();
            let wanted =
                query.policies.filter(|wanted| wanted.unless_id.as_ref().is_none_or(|id| !is_known(id)));
            let policies = view.policies.clone().unwrap_or_default();
            RoleView { policies: wanted.map(|_| policies), ..view }
        })
    }

    fn create_role(&self, name: &str, trust: &str) -> Result<(), FleetError> {
        self.change_role("create_role", name, |view| {
            if view.exists {
                return Err(refused("EntityAlreadyExists", "create_role"));
            }
            (view.exists, view.trust) = (true, Some(trust.to_string()));
            view.id = Some("AROAMEMORY".to_string());
            Ok(())
        })
    }

    fn put_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), FleetError> {
        self.change("put_policy", |state| {
            let view = state.roles.get_mut(role).filter(|view| view.exists);
            let view = view.ok_or_else(|| refused("NoSuchEntity", "put_policy"))?;
            let policies = view.policies.get_or_insert_with(RolePolicies::default);
            policies.inline.retain(|name| name != policy);
            policies.inline.push(policy.to_string());
            policies.document = Some(document.to_string());
            Ok(())
        })
    }

    fn create_profile(&self, name: &str) -> Result<(), FleetError> {
        self.change_role("create_profile", name, |view| {
            if view.profile.is_some() {
                return Err(refused("EntityAlreadyExists", "create_profile"));
            }
            view.profile = Some(Vec::new());
            Ok(())
        })
    }

    fn fill_profile(&self, name: &str) -> Result<(), FleetError> {
        self.change_role("fill_profile", name, |view| match &mut view.profile {
            Some(roles) if roles.is_empty() => {
                roles.push(name.to_string());
                Ok(())
            }
            Some(_) => Err(refused("LimitExceeded", "fill_profile")),
            None => Err(refused("NoSuchEntity", "fill_profile")),
        })
    }

    fn delete_role(&self, name: &str, _: &str) -> Result<(), FleetError> {
        self.change("delete_role", |state| {
            state.roles.remove(name);
            Ok(())
        })
    }
}

impl DaemonObjects for MemoryProvisions {
    fn sign_object(
        &self,
        object: &BucketObject,
        longest: SignedDuration,
    ) -> Result<SignedAddress, FleetError> {
        let life = self.credentials.get().map_or(longest, |left| left.min(longest));
        let BucketObject { bucket, key } = object;
        let url = format!("https://{bucket}.s3.amazonaws.com/{key}?X-Amz-Expires={}", life.as_secs());
        self.read("sign_object", |_| SignedAddress { url, life, is_end_known: true })
    }

    fn put_object_once(&self, object: &BucketObject, bytes: &[u8]) -> Result<(), FleetError> {
        let place = (object.bucket.clone(), object.key.clone());
        self.change("put_object_once", |state| {
            state.objects.entry(place).or_insert_with(|| bytes.to_vec());
            Ok(())
        })
    }
}

impl Provisioning for MemoryProvisions {}
