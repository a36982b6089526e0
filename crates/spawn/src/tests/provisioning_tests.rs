//! The key pair, the group and the role of a launch, and their cleanup.

use std::io;
use std::path::Path;

use fleet::instance::InstanceDetails;
use fleet::ports::{
    GroupRule, GroupSelector, GroupView, Groups, KeyPairView, Keys, ProvisionFault, RolePolicies, RoleQuery,
    RoleView, Roles, SubnetView,
};
use fleet::provision::{POLICY_NAME, ProvisionPlan, Provisioned, ROLE, RolePlan, SSH_GROUP, role_documents};

use super::*;
use crate::provision::{ProvisionFlags, RuleRenewal, ensure, plan_provision, renew_rule};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const REGION: &str = "us-east-1";

/// The programs of a machine with ssh-keygen alone, which writes one key.
fn keygen_alone(command: &ProcessCommand) -> io::Result<ProcessOutput> {
    if command.program != "ssh-keygen" {
        return not_installed();
    }
    let path = Path::new(command.args.last().unwrap());
    std::fs::write(path, "private").unwrap();
    std::fs::write(path.with_extension("pub"), format!("{KEY} spawn\n")).unwrap();
    Ok(ProcessOutput { code: Some(0), ..ProcessOutput::default() })
}

/// A user, an account, and the answers of a launch.
struct Desk {
    home: SpawnHome,
    cloud: MemoryFleet,
    provisions: MemoryProvisions,
}

impl Desk {
    /// A user with a key in `~/.ssh`.
    fn new() -> Desk {
        let desk = Desk::without_key();
        let folder = desk.home.0.path().join(".ssh");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("id_ed25519"), "private").unwrap();
        std::fs::write(folder.join("id_ed25519.pub"), format!("{KEY} alice@laptop\n")).unwrap();
        desk
    }

    fn without_key() -> Desk {
        let provisions = MemoryProvisions::with_default_vpc(REGION);
        Desk { home: SpawnHome::new(), cloud: memory(), provisions }
    }

    /// Runs code with a machine whose only program is ssh-keygen.
    fn with<T>(&self, code: impl FnOnce(&Ports<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut result = None;
        self.home.with_ports(&self.cloud, &faulty(&self.cloud, &[]), &self.provisions, |ports, _| {
            let ports = Ports {
                processes: &AnsweredPrograms(keygen_alone),
                home: ports.home.clone(),
                executable: ports.executable.clone(),
                ..*ports
            };
            result = Some(code(&ports));
            Ok(Exit::Done)
        });
        result.unwrap()
    }

    fn plan(&self, flags: &ProvisionFlags<'_>) -> Result<ProvisionPlan, Failure> {
        self.with(|ports| plan_provision(flags, &ports.account.caller().unwrap(), ports))
    }

    fn provide(&self, flags: &ProvisionFlags<'_>) -> Result<(Provisioned, Vec<String>), Failure> {
        self.with(|ports| {
            let caller = ports.account.caller().unwrap();
            let plan = plan_provision(flags, &caller, ports)?;
            let mut notes = Vec::new();
            let provided = ensure(&plan, &caller, ports, &mut notes)?;
            Ok((provided, notes))
        })
    }

    fn group(&self) -> GroupView {
        self.provisions.find_groups(REGION, GroupSelector::Names(&[SSH_GROUP.into()])).unwrap().remove(0)
    }

    fn spawn(&self, words: &[&str]) -> SpawnRun {
        let args = SpawnArgs::try_parse_from([&["spawn"], words].concat()).unwrap();
        self.home.with_ports(&self.cloud, &faulty(&self.cloud, &[]), &self.provisions, |ports, printer| {
            run(&args, ports, printer, noon())
        })
    }
}

fn flags() -> ProvisionFlags<'static> {
    ProvisionFlags { region: REGION, ssh_from: "auto", ..ProvisionFlags::default() }
}

fn whole_role() -> RoleView {
    let (trust, policy) = role_documents("aws", "111122223333");
    RoleView {
        exists: true,
        id: Some("AROA1".into()),
        trust: Some(trust),
        policies: Some(RolePolicies {
            inline: vec![POLICY_NAME.into()],
            document: Some(policy),
            attached: vec![],
        }),
        profile: Some(vec![ROLE.into()]),
    }
}

/// Returns spawn's role after a change of its policies.
fn changed_role(change: impl FnOnce(&mut RolePolicies)) -> RoleView {
    let mut view = whole_role();
    change(view.policies.as_mut().unwrap());
    view
}

#[test]
fn a_first_launch_creates_everything_and_a_second_one_nothing() {
    let desk = Desk::new();
    let (first, notes) = desk.provide(&flags()).unwrap();
    let created = [
        "import_key",
        "create_group",
        "add_rule",
        "create_role",
        "put_policy",
        "create_profile",
        "fill_profile",
    ];
    assert_eq!(desk.provisions.changes(), created);
    assert_eq!(notes, [""; 0]);
    assert_eq!(first.profile.as_deref(), Some(ROLE));
    let group = desk.group();
    assert_eq!(first.groups, std::slice::from_ref(&group.id));
    assert_eq!((group.rules[0].source.as_str(), group.rules[0].ports), ("203.0.113.7/32", Some((22, 22))));
    let description = group.rules[0].description.clone().unwrap();
    assert!(description.starts_with(&format!("spawn {ME} ")), "{description}");
    let key = desk.provisions.list_keys(REGION).unwrap().remove(0);
    assert_eq!(first.key.as_deref(), Some(key.name.as_str()));
    assert_eq!(key.public_key.as_deref(), Some(KEY), "the comment stays on this machine");
    let (second, _) = desk.provide(&flags()).unwrap();
    assert_eq!(second, first);
    assert_eq!(desk.provisions.changes(), created);
}

#[test]
fn a_plan_changes_nothing() {
    let desk = Desk::without_key();
    let plan = desk.plan(&flags()).unwrap();
    let steps: Vec<String> =
        plan.steps().iter().map(|step| format!("{} {}", step.resource, step.action)).collect();
    assert_eq!(steps, ["key pair create", "security group create", "rule add", "role create"]);
    assert_eq!(desk.provisions.changes(), [""; 0]);
    assert!(!desk.home.0.path().join(".ssh").exists());
    assert_eq!(plan.existing(), Provisioned::default());
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<ProvisionPlan>(&text).unwrap(), plan);
}

#[test]
fn a_user_without_a_key_gets_one() {
    let desk = Desk::without_key();
    let (made, _) = desk.provide(&flags()).unwrap();
    let file = desk.home.0.path().join(".ssh/spawn_ed25519");
    assert!(file.exists());
    assert!(made.key.unwrap().starts_with("spawn-"));
    let without = Desk::without_key();
    let failed = without.home.with_ports(
        &without.cloud,
        &faulty(&without.cloud, &[]),
        &without.provisions,
        |ports, _| {
            let caller = ports.account.caller().unwrap();
            let plan = plan_provision(&flags(), &caller, ports)?;
            ensure(&plan, &caller, ports, &mut Vec::new()).map(|_| Exit::Done)
        },
    );
    assert!(failed.failed().contains("ssh-keygen is not installed"), "{}", failed.failed());
    assert_eq!(without.provisions.changes(), [""; 0]);
}

#[test]
fn every_lost_answer_and_every_cut_ends_in_the_same_resources() {
    let calls = [
        "import_key",
        "create_group",
        "add_rule",
        "create_role",
        "put_policy",
        "create_profile",
        "fill_profile",
    ];
    let expected = Desk::new().provide(&flags()).unwrap().0;
    for call in calls {
        for fault in [ProvisionFault::Lost, ProvisionFault::ReplyLost] {
            let desk = Desk::new();
            desk.provisions.fail(call, fault.clone());
            let (found, notes) = desk.provide(&flags()).unwrap();
            assert_eq!(
                (found.key, found.profile),
                (expected.key.clone(), expected.profile.clone()),
                "{call} {fault:?}"
            );
            assert_eq!(found.groups, [desk.group().id], "{call} {fault:?}");
            assert_eq!((desk.group().rules.len(), notes.len()), (1, 0), "{call} {fault:?}");
        }
        // A program that is killed at a call continues with what exists.
        let desk = Desk::new();
        desk.provisions.fail(call, ProvisionFault::Refused("UnauthorizedOperation".into()));
        let _cut = desk.provide(&flags());
        let (found, _) = desk.provide(&flags()).unwrap();
        assert_eq!((found.key, found.profile), (expected.key.clone(), expected.profile.clone()), "{call}");
        let made = desk.provisions.changes();
        assert_eq!(made.iter().filter(|made| *made == call).count(), 1, "{call}: {made:?}");
    }
}

#[test]
fn changes_that_aws_shows_late_are_awaited() {
    let desk = Desk::new();
    desk.provisions.show_changes_late(12);
    let begun = desk.cloud.now();
    assert_eq!(desk.provide(&flags()).unwrap().0.profile.as_deref(), Some(ROLE));
    assert!(desk.cloud.now() > begun, "it waited");
    let never = Desk::new();
    never.provisions.show_changes_late(1_000);
    let failure = never.provide(&flags()).unwrap_err();
    assert!(failure.message.contains("does not show them: "), "{}", failure.message);
}

#[test]
fn without_the_permission_for_roles_the_launch_says_what_is_lost() {
    let desk = Desk::new();
    desk.provisions.fail("create_role", ProvisionFault::Denied("AccessDenied".into()));
    let (found, notes) = desk.provide(&flags()).unwrap();
    assert_eq!(found.profile, None);
    assert_eq!(
        notes,
        [
            "without a role spawnd writes no tags and ends the instance by powering it off: create_role: AccessDenied"
        ]
    );
    let desk = Desk::new();
    desk.provisions.fail("read_role", ProvisionFault::Denied("AccessDenied".into()));
    assert_eq!(desk.provide(&flags()).unwrap().0.profile, None);
    assert!(!desk.provisions.changes().iter().any(|call| call == "create_role"));
}

#[test]
fn a_role_that_differs_stops_the_launch_and_stays_as_it_is() {
    let desk = Desk::new();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    desk.provisions.set_role(ROLE, changed_role(|has| has.attached = vec![admin.into()]));
    let failure = desk.provide(&flags()).unwrap_err();
    assert_eq!(failure.message, "the role spawn-instance differs from spawn's, so it is not used unseen");
    assert_eq!(failure.excerpt, [format!("it also has the managed policy {admin}")]);
    assert_eq!(desk.provisions.changes(), [""; 0]);
    let named = ProvisionFlags { role: Some(ROLE), ..flags() };
    assert_eq!(desk.provide(&named).unwrap().0.profile.as_deref(), Some(ROLE));
    let none = ProvisionFlags { role: Some("none"), ..flags() };
    assert_eq!(desk.provide(&none).unwrap().0.profile, None);
    let kept = desk.provisions.read_role(RoleQuery::whole(ROLE, POLICY_NAME)).unwrap();
    assert_eq!(kept.policies.unwrap().attached, [admin]);
}

#[test]
fn the_policies_of_a_known_role_are_compared_once_a_day() {
    let desk = Desk::new();
    let widen = |has: &mut RolePolicies| has.inline.push("more".into());
    let role = |flags: &ProvisionFlags<'_>| desk.plan(flags).map(|plan| plan.role);
    desk.provide(&flags()).unwrap();
    let known = desk.provisions.read_role(RoleQuery::whole(ROLE, POLICY_NAME)).unwrap();
    let same_id = RoleView { id: known.id.clone(), ..changed_role(widen) };
    desk.provisions.set_role(ROLE, same_id);
    assert_eq!(role(&flags()).unwrap(), RolePlan::Use(ROLE.into()));
    assert!(role(&ProvisionFlags { compares_role: true, ..flags() }).is_err(), "doctor compares always");
    desk.provisions.set_role(ROLE, changed_role(widen));
    assert!(role(&flags()).is_err(), "another role of the same name is compared");
    desk.provisions.set_role(ROLE, RoleView { id: known.id, ..changed_role(widen) });
    desk.cloud.forward(SignedDuration::from_hours(24));
    assert!(role(&flags()).is_err(), "a day later it is compared again");
}

#[test]
fn an_unknown_address_adds_no_rule_and_is_named() {
    let desk = Desk::new();
    let provide = |flags: &ProvisionFlags<'_>| {
        desk.with(|ports| {
            let address = FixedAddress(Err("checkip.amazonaws.com does not answer".into()));
            let ports = Ports {
                address: &address,
                home: ports.home.clone(),
                executable: ports.executable.clone(),
                ..*ports
            };
            let caller = ports.account.caller().unwrap();
            let plan = plan_provision(flags, &caller, &ports)?;
            let mut notes = Vec::new();
            ensure(&plan, &caller, &ports, &mut notes).map(|_| notes)
        })
    };
    let notes = provide(&flags()).unwrap();
    assert!(
        notes[0].contains("public address is unknown (checkip.amazonaws.com does not answer)"),
        "{notes:?}"
    );
    assert_eq!(desk.group().rules, []);
    provide(&ProvisionFlags { ssh_from: "198.51.100.9/32", ..flags() }).unwrap();
    assert_eq!(desk.group().rules[0].source, "198.51.100.9/32");
    let wide = provide(&ProvisionFlags { ssh_from: "198.51.100.0/24", ..flags() }).unwrap_err();
    assert_eq!(wide.message, "ssh.from 198.51.100.0/24 has more than one address");
    provide(&ProvisionFlags { open: true, ..flags() }).unwrap();
    assert_eq!(desk.group().open_ports(), [""; 0], "an open launch has a group of its own");
}

#[test]
fn a_new_address_replaces_this_machines_rule_alone() {
    let desk = Desk::new();
    desk.provide(&flags()).unwrap();
    let bob = GroupRule {
        protocol: "tcp".into(),
        ports: Some((22, 22)),
        source: "192.0.2.1/32".into(),
        description: Some("spawn bob desktop".into()),
    };
    let id = desk.group().id;
    desk.provisions.add_rule(REGION, &id, &bob, noon()).unwrap();
    let mut seen = instance("i-1", -1);
    seen.details = InstanceDetails { groups: vec![id], ..InstanceDetails::default() };
    let renew = |address: &str, seen: &InstanceView| {
        let address = FixedAddress(Ok(address.parse().unwrap()));
        desk.with(|ports| {
            let ports = Ports {
                address: &address,
                home: ports.home.clone(),
                executable: ports.executable.clone(),
                ..*ports
            };
            renew_rule(seen, "auto", &ports.account.caller().unwrap(), &ports)
        })
    };
    assert_eq!(renew("203.0.113.7", &seen), Ok(RuleRenewal::Current));
    assert_eq!(renew("198.51.100.4", &seen), Ok(RuleRenewal::Renewed("198.51.100.4/32".into())));
    let sources: Vec<String> = desk.group().rules.into_iter().map(|rule| rule.source).collect();
    assert_eq!(sources, ["192.0.2.1/32", "198.51.100.4/32"]);
    desk.provisions.fail("remove_rule", ProvisionFault::ReplyLost);
    assert_eq!(renew("2001:db8::7", &seen), Ok(RuleRenewal::Renewed("2001:db8::7/128".into())));
    assert_eq!(desk.group().rules.len(), 2);
    seen.details.groups = vec!["sg-other".into()];
    assert_eq!(renew("198.51.100.4", &seen), Ok(RuleRenewal::NotManaged));
}

#[test]
fn a_region_without_default_vpc_shows_its_subnets() {
    let desk = Desk { provisions: MemoryProvisions::default(), ..Desk::new() };
    let failure = desk.provide(&flags()).unwrap_err();
    assert_eq!(failure.message, "us-east-1 has no default VPC with a subnet");
    assert_eq!(failure.hint.as_deref(), Some("aws ec2 create-default-vpc --region us-east-1"));
    let subnet = SubnetView {
        id: "subnet-1".into(),
        vpc: "vpc-1".into(),
        zone: "us-east-1a".into(),
        is_default: false,
        range: "10.0.1.0/24".into(),
    };
    desk.provisions.add_subnet(REGION, subnet);
    assert_eq!(desk.provide(&flags()).unwrap_err().excerpt, ["subnet-1  vpc-1  us-east-1a  10.0.1.0/24"]);
    let there = ProvisionFlags { subnet: Some("subnet-1"), ..flags() };
    assert_eq!(desk.provide(&there).unwrap().0.groups, [desk.group().id]);
    assert_eq!(desk.group().vpc, "vpc-1");
}

#[test]
fn cleanup_deletes_only_what_no_instance_needs() {
    let desk = Desk::new();
    let (provided, _) = desk.provide(&flags()).unwrap();
    let mut seen = instance("i-1", -1);
    seen.details = InstanceDetails {
        groups: provided.groups.clone(),
        key_name: provided.key.clone(),
        profile: Some(format!("arn:aws:iam::111122223333:instance-profile/{ROLE}")),
        ..InstanceDetails::default()
    };
    desk.cloud.add(seen);
    desk.provisions.add_key(REGION, KeyPairView { name: "team".into(), ..KeyPairView::default() });
    desk.provisions
        .add_group(REGION, GroupView { id: "sg-web".into(), name: "web".into(), ..GroupView::default() });
    let before = desk.provisions.changes();
    let idle = desk.spawn(&["cleanup", "--yes"]);
    assert_eq!(idle.ended, Ok(Exit::NothingMatched), "{}", idle.err);
    desk.cloud.forward(SignedDuration::from_hours(31 * 24));
    let old = desk.spawn(&["cleanup"]).good();
    assert!(
        old.contains("rule,") && old.contains("port 22 from 203.0.113.7/32,planned,added 31 days ago"),
        "{old}"
    );
    assert_eq!(old.lines().count(), 2, "{old}");
    desk.cloud.change("i-1", |seen| seen.state = InstanceState::Terminated);
    let shown = desk.spawn(&["cleanup"]);
    assert!(shown.err.contains("nothing was done; spawn cleanup --yes deletes 3"), "{}", shown.err);
    assert_eq!(desk.provisions.changes(), before);
    let done = desk.spawn(&["cleanup", "--yes"]).good();
    for expected in
        ["us-east-1,security group,spawn-ssh (", "us-east-1,key pair,spawn-", ",role,spawn-instance,deleted"]
    {
        assert!(done.contains(expected), "{expected}: {done}");
    }
    assert_eq!(desk.provisions.list_keys(REGION).unwrap().len(), 1, "the team's key is not spawn's");
    let left = desk.provisions.find_groups(REGION, GroupSelector::Ids(&["sg-web".into()])).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(desk.spawn(&["cleanup"]).ended, Ok(Exit::NothingMatched));
}

#[test]
fn cleanup_leaves_what_it_cannot_judge() {
    let desk = Desk::new();
    desk.provide(&flags()).unwrap();
    let part = desk.spawn(&["cleanup", "--region", REGION]);
    assert!(
        part.err.contains("spawn-instance was left alone: an instance of an unread region"),
        "{}",
        part.err
    );
    desk.provisions.fail("delete_group", ProvisionFault::Refused("DependencyViolation".into()));
    let failed = desk.spawn(&["cleanup", "--yes"]);
    assert_eq!(failed.failed(), "1 of 3 could not be deleted");
    assert!(
        failed.out.contains("security group,spawn-ssh") && failed.out.contains("failed,delete_group"),
        "{}",
        failed.out
    );
    desk.provisions.set_role(ROLE, changed_role(|has| has.inline = vec!["more".into()]));
    let differs = desk.spawn(&["cleanup"]);
    assert!(
        differs.err.contains("it differs from spawn's: it also has the inline policy more"),
        "{}",
        differs.err
    );
    desk.provisions.fail("list_keys", ProvisionFault::Lost);
    let blind = desk.spawn(&["cleanup", "--yes"]);
    assert!(blind.failed().contains("could not be queried"), "{}", blind.failed());
}
