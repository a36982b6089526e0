//! Provides the key pair, the security group and the role of a launch, and renews the rule for this
//! machine's address.
//!
//! The plans are pure functions of `fleet`. This module reads what exists, carries out a plan, and
//! plans anew from what AWS then shows, until nothing is left to do.

mod local_user;

use std::time::Duration;

use console::Failure;
use domain::Timestamp;
use fleet::instance::InstanceView;
use fleet::ports::{CallerAccount, FleetError, GroupSelector, GroupView, ProvisionQuery};
use fleet::provision::{
    self, GroupPlan, GroupRequest, KeyPlan, KeyRequest, OPEN_GROUP, POLICY_NAME, ProvisionError,
    ProvisionPlan, ProvisionRequest, Provisioned, ROLE, RolePlan, RoleRequest, RoleStep, RulePlan,
    RuleRequest, SSH_GROUP, plan_rules, role_documents, rule_description,
};
use lifecycle::tag;

use crate::Ports;
use crate::account_cache;
use crate::owner::owners;
use crate::ports::cloud_failure;

/// The number of times that a plan is carried out and read back, and the pauses after the first
/// two: half a minute in total.
const ROUNDS: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The choices of a launch, from flags and settings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProvisionFlags<'a> {
    /// The region's code.
    pub(crate) region: &'a str,
    /// The id of a subnet; none for the default VPC.
    pub(crate) subnet: Option<&'a str>,
    /// The name of a key pair, or `none`; none for a key of the user.
    pub(crate) key: Option<&'a str>,
    /// Names or ids of security groups; empty for spawn's own group.
    pub(crate) groups: &'a [String],
    /// The name of a role, or `none`; none, if no person named one, for spawn's own role.
    pub(crate) role: Option<&'a str>,
    /// The setting `ssh.from`: `auto`, `none`, or an address range.
    pub(crate) ssh_from: &'a str,
    /// Whether `--open` was given.
    pub(crate) open: bool,
    /// Whether the policies of spawn's role are compared even if they were within the last day.
    pub(crate) compares_role: bool,
}

/// Plans the resources of a launch. Only reads.
///
/// # Errors
/// A named resource does not exist or cannot be used, or AWS could not be read.
pub(crate) fn plan_provision(
    flags: &ProvisionFlags<'_>,
    caller: &CallerAccount,
    ports: &Ports<'_>,
) -> Result<ProvisionPlan, Failure> {
    let owner = owners(ports.settings, caller)[0].clone();
    let request = ProvisionRequest {
        region: flags.region.to_string(),
        partition: caller.partition().to_string(),
        account: caller.account.clone(),
        subnet: flags.subnet.map(String::from),
        key: match flags.key {
            Some("none") => KeyRequest::Nothing,
            Some(name) => KeyRequest::Named(name.to_string()),
            None => local_user::find_key(ports)?,
        },
        groups: match flags.groups {
            [] => GroupRequest::Own(rule_request(flags.ssh_from, flags.open, &owner, ports)),
            named => GroupRequest::Named(named.to_vec()),
        },
        role: match flags.role {
            Some("none") => RoleRequest::Nothing,
            Some(name) => RoleRequest::Named(name.to_string()),
            None if flags.compares_role => RoleRequest::Own { checked: None },
            None => RoleRequest::Own { checked: account_cache::checked_role(caller, ports) },
        },
        owner,
    };
    plan_again(&request, caller, ports)
}

/// Returns the addresses that may connect to port 22. The address of this machine is looked up
/// only if the setting is `auto` and the group is not open.
fn rule_request(from: &str, open: bool, owner: &str, ports: &Ports<'_>) -> RuleRequest {
    let mut missing = None;
    let sources = match from {
        "none" => {
            missing = Some("no rule lets anyone connect to port 22, because ssh.from is none".to_string());
            Vec::new()
        }
        "auto" if open => vec!["0.0.0.0/0".to_string(), "::/0".to_string()],
        "auto" => match ports.address.public_address() {
            Ok(address) => vec![fleet::address_range::AddressRange::of(address).to_string()],
            Err(why) => {
                missing = Some(format!(
                    "no rule was added for this machine, because its public address is unknown ({why}); set \
                     ssh.from"
                ));
                Vec::new()
            }
        },
        range => vec![range.to_string()],
    };
    RuleRequest { sources, open, description: rule_description(owner, &local_user::host_name()), missing }
}

/// Reads the existing resources and plans from them.
fn plan_again(
    request: &ProvisionRequest,
    caller: &CallerAccount,
    ports: &Ports<'_>,
) -> Result<ProvisionPlan, Failure> {
    let own = [SSH_GROUP.to_string(), OPEN_GROUP.to_string()];
    let (names, ids) = match &request.groups {
        GroupRequest::Own(_) => (own.to_vec(), Vec::new()),
        GroupRequest::Named(named) => named.iter().cloned().partition(|name| !name.starts_with("sg-")),
    };
    let query = ProvisionQuery {
        region: &request.region,
        group_names: &names,
        group_ids: &ids,
        role: request.role.query(),
    };
    let readings = ports.provisioning.read_provisions(query);
    let plan = provision::plan(request, &readings).map_err(|error| match error {
        ProvisionError::Unread(error) => cloud_failure(error),
        ProvisionError::Refused(refusal) => {
            Failure { excerpt: refusal.details, ..Failure::usage(refusal.problem).hint(refusal.hint) }
        }
    })?;
    if let (RoleRequest::Own { .. }, RolePlan::Use(_), Some(Ok(view))) =
        (&request.role, &plan.role, &readings.role)
    {
        account_cache::remember_role(view, caller, ports);
    }
    Ok(plan)
}

/// Carries out a plan, and returns the resources after AWS showed them. Without permission to
/// create the role, there is none, and the reason is added to `notes`.
///
/// # Errors
/// A resource could not be created, does not appear, or has become another one. Nothing that was
/// created is deleted: `spawn cleanup` plans that.
pub(crate) fn ensure(
    plan: &ProvisionPlan,
    caller: &CallerAccount,
    ports: &Ports<'_>,
    notes: &mut Vec<String>,
) -> Result<Provisioned, Failure> {
    let mut plan = plan.clone();
    let mut denied = None;
    for round in 0..ROUNDS {
        if let Some(why) = &denied {
            plan.role = RolePlan::Denied(String::clone(why));
        }
        if plan.is_settled() {
            notes.extend(plan.notes());
            return Ok(plan.existing());
        }
        pause(round, ports);
        let mut request = plan.request.clone();
        request.key = ensure_key(&plan, ports)?;
        ensure_groups(&plan, caller.now, ports)?;
        denied = ensure_role(&plan, ports)?;
        plan = plan_again(&request, caller, ports)?;
    }
    let open: Vec<String> = plan
        .steps()
        .into_iter()
        .filter(|step| !["use", "none"].contains(&step.action.as_str()))
        .map(|step| format!("{} {}", step.resource, step.name))
        .collect();
    Err(Failure::broken(format!("AWS accepted these, and does not show them: {}", open.join(", ")))
        .hint("run the same command again: it continues with what exists"))
}

fn pause(round: u32, ports: &Ports<'_>) {
    if round > 1 {
        (ports.wait)(LONGEST_PAUSE.min(PAUSE * 2u32.pow(round - 2)));
    }
}

/// Passes on a failure, unless its effect can be read back: its answer was lost, or it has one of
/// these codes, because another program was faster or AWS does not show an earlier step yet.
fn tolerate<T>(done: Result<T, FleetError>, codes: &[&str]) -> Result<Option<T>, Failure> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(FleetError::Failed(_)) => Ok(None),
        Err(error) if codes.iter().any(|code| error.has_code(code)) => Ok(None),
        Err(error) => Err(cloud_failure(error)),
    }
}

/// Makes or imports the key, and returns the request for the next plan.
fn ensure_key(plan: &ProvisionPlan, ports: &Ports<'_>) -> Result<KeyRequest, Failure> {
    match &plan.key {
        KeyPlan::Use(_) | KeyPlan::Nothing => {}
        KeyPlan::Make { path } => return local_user::make_key(path.as_ref(), ports),
        KeyPlan::Import(key) => {
            let region = &plan.request.region;
            let tags = tags(&plan.request);
            let done = ports.provisioning.import_key(region, &key.name, &key.public_key, &tags);
            tolerate(done, &["InvalidKeyPair.Duplicate"])?;
        }
    }
    Ok(plan.request.key.clone())
}

fn ensure_groups(plan: &ProvisionPlan, now: Timestamp, ports: &Ports<'_>) -> Result<(), Failure> {
    let region = &plan.request.region;
    match &plan.groups {
        GroupPlan::Named(_) => Ok(()),
        GroupPlan::Use { id, rules, .. } => change_rules(region, id, rules, now, ports),
        GroupPlan::Create { vpc, name, rules } => {
            let created = ports.provisioning.create_group(region, vpc, name, &tags(&plan.request));
            match tolerate(created, &["InvalidGroup.Duplicate"])? {
                Some(id) => change_rules(region, &id, rules, now, ports),
                None => Ok(()),
            }
        }
    }
}

/// Adds rules, and then removes others. Nothing is removed unless everything was added, so that
/// this machine is never locked out.
fn change_rules(
    region: &str,
    group: &str,
    rules: &RulePlan,
    now: Timestamp,
    ports: &Ports<'_>,
) -> Result<(), Failure> {
    let mut complete = true;
    for rule in &rules.add {
        let done = ports.provisioning.add_rule(region, group, rule, now);
        let added = tolerate(done, &["InvalidPermission.Duplicate", "InvalidGroup.NotFound"])?;
        complete &= added.is_some();
    }
    for rule in rules.remove.iter().filter(|_| complete) {
        let done = ports.provisioning.remove_rule(region, group, rule);
        tolerate(done, &["InvalidPermission.NotFound"])?;
    }
    Ok(())
}

/// Creates the missing parts of the role. Returns why the caller may not, if so.
fn ensure_role(plan: &ProvisionPlan, ports: &Ports<'_>) -> Result<Option<String>, Failure> {
    let steps = match &plan.role {
        RolePlan::Complete(steps) => steps,
        RolePlan::Denied(why) => return Ok(Some(why.clone())),
        RolePlan::Use(_) | RolePlan::Nothing => return Ok(None),
    };
    let (trust, policy) = role_documents(&plan.request.partition, &plan.request.account);
    for step in steps {
        let roles = ports.provisioning;
        let done = match step {
            RoleStep::Role => roles.create_role(ROLE, &trust),
            RoleStep::Policy => roles.put_policy(ROLE, POLICY_NAME, &policy),
            RoleStep::Profile => roles.create_profile(ROLE),
            RoleStep::Membership => roles.fill_profile(ROLE),
        };
        if let Err(error) = &done
            && error.is_denied()
        {
            return Ok(Some(error.to_string()));
        }
        tolerate(done, &["EntityAlreadyExists", "LimitExceeded", "NoSuchEntity"])?;
    }
    Ok(None)
}

/// Returns the tags of a new key pair or group.
fn tags(request: &ProvisionRequest) -> std::collections::BTreeMap<String, String> {
    let pairs = [(tag::MANAGED, tag::YES), (tag::OWNER, request.owner.as_str())];
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).into()
}

/// The rule for this machine in the group of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuleRenewal {
    /// The group lets this machine connect already.
    Current,
    /// The rule was replaced and read back; the new source.
    Renewed(String),
    /// The instance is not in the group `spawn-ssh`, or `ssh.from` is `none`: nothing was changed.
    NotManaged,
}

/// Lets this machine's present address connect to port 22 of an instance in the group `spawn-ssh`.
/// Replaces only the rule of this owner and host.
///
/// # Errors
/// The address is unknown, or the group could not be read or changed.
pub(crate) fn renew_rule(
    seen: &InstanceView,
    ssh_from: &str,
    caller: &CallerAccount,
    ports: &Ports<'_>,
) -> Result<RuleRenewal, Failure> {
    let owner = owners(ports.settings, caller)[0].clone();
    let Some(group) = ssh_group(seen, ports)? else { return Ok(RuleRenewal::NotManaged) };
    let request = rule_request(ssh_from, false, &owner, ports);
    let source = match (request.sources.first(), &request.missing) {
        (Some(source), _) => source.clone(),
        (None, _) if ssh_from == "none" => return Ok(RuleRenewal::NotManaged),
        (None, why) => {
            let why = why.clone().unwrap_or_default();
            return Err(Failure::broken(why).hint("add ssh.from: ADDRESS/32 to .spawn.yaml"));
        }
    };
    let range = fleet::address_range::AddressRange::parse(&source)
        .map_err(|error| Failure::usage(error.to_string()).hint("ssh.from is auto, none or ADDRESS/32"))?;
    let plan_of = |group: &GroupView| plan_rules(&group.rules, &[range], &request.description);
    let mut plan = plan_of(&group);
    for round in 0..ROUNDS {
        if plan == RulePlan::default() {
            return Ok(if round == 0 { RuleRenewal::Current } else { RuleRenewal::Renewed(source) });
        }
        pause(round, ports);
        change_rules(&seen.region, &group.id, &plan, caller.now, ports)?;
        plan = ssh_group(seen, ports)?.as_ref().map_or(plan, plan_of);
    }
    Err(Failure::broken(format!("the new rule of {} for {source} does not appear", group.id))
        .hint("run the same command again"))
}

fn ssh_group(seen: &InstanceView, ports: &Ports<'_>) -> Result<Option<GroupView>, Failure> {
    let groups = &seen.details.groups;
    if groups.is_empty() {
        return Ok(None);
    }
    let found = ports.provisioning.find_groups(&seen.region, GroupSelector::Ids(groups));
    let found = found.map_err(cloud_failure)?;
    Ok(found.into_iter().find(|group| group.name == SSH_GROUP && group.is_managed()))
}
