use domain::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::schedule_expression::ScheduleExpression;
use crate::core::{
    ApiError, ApiResult, EventSchedule, Principal, RegionView, ResourceTags, SandboxEvent, ScheduleTarget,
    TrailEvent,
};
use crate::engine::ec2;
use crate::engine::requests::unknown_json_action;
use crate::wire::{JsonMembers, QueryParams, with_token};

const GROUP: &str = "default";

/// The calls that a schedule can make: name in the target, and action.
const CALLS: [(&str, &str); 3] = [
    ("startInstances", "StartInstances"),
    ("stopInstances", "StopInstances"),
    ("terminateInstances", "TerminateInstances"),
];

/// Seconds between two attempts. AWS waits longer each time.
const PAUSE: i64 = 60;

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", why)
}

fn no_such(name: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("Schedule {name} does not exist."))
}

impl EventSchedule {
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// Returns whether both have the same settings.
    fn is_like(&self, other: &EventSchedule) -> bool {
        let own = EventSchedule {
            created: other.created,
            modified: other.modified,
            plan: other.plan,
            ..self.clone()
        };
        own == *other
    }

    /// Returns the first time after `after` at which the schedule is due.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let expression = ScheduleExpression::read(&self.expression, &self.zone())?;
        // A rate with a start date fires first at that date.
        let next = match (&expression, self.begins) {
            (ScheduleExpression::Rate(_), Some(begins)) if begins > after => Some(begins),
            (_, begins) => {
                let begin = begins.unwrap_or(self.modified);
                expression.next(begin, after.max(begins.unwrap_or(after)))
            }
        };
        next.filter(|at| self.ends.is_none_or(|ends| *at <= ends))
    }
}

impl RegionView<'_> {
    /// Answers a call of EventBridge Scheduler.
    pub(crate) fn scheduler(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        if !["CreateSchedule", "UpdateSchedule", "GetSchedule", "DeleteSchedule", "ListSchedules"]
            .contains(&action)
        {
            return Err(unknown_json_action());
        }
        let group = input.text("GroupName")?.unwrap_or(GROUP);
        if group != GROUP {
            return Err(ApiError::new(
                "ResourceNotFoundException",
                format!("Schedule group {group} does not exist."),
            ));
        }
        if action == "ListSchedules" {
            return self.list_schedules(input);
        }
        let name = input.need("Name")?;
        let arn = self.schedule_arn(name);
        self.allow(&format!("scheduler:{action}"), &arn, &ResourceTags::new(), &[])?;
        let known = self.here.schedules.get(name).cloned();
        match (action, known) {
            ("CreateSchedule", Some(known)) => {
                let again = known.token.is_some() && known.token.as_deref() == input.text("ClientToken")?;
                if again && self.read_schedule(name, input, Some(&known))?.is_like(&known) {
                    return Ok(json!({ "ScheduleArn": arn }));
                }
                Err(ApiError::new("ConflictException", format!("Schedule {name} already exists.")))
            }
            ("CreateSchedule", None) => self.put_schedule(name, input, None),
            (_, None) => Err(no_such(name)),
            ("UpdateSchedule", Some(old)) => self.put_schedule(name, input, Some(&old)),
            ("DeleteSchedule", Some(_)) => {
                input.text("ClientToken")?;
                input.check_all_read()?;
                self.here.schedules.remove(name);
                Ok(json!({}))
            }
            (_, Some(schedule)) => Ok(self.schedule_node(&schedule)),
        }
    }

    fn schedule_arn(&self, name: &str) -> String {
        self.arn("scheduler", &format!("schedule/{GROUP}/{name}"))
    }

    fn put_schedule(
        &mut self,
        name: &str,
        input: &JsonMembers<'_>,
        old: Option<&EventSchedule>,
    ) -> ApiResult<Value> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
            return Err(invalid(format!(
                "Invalid schedule name {name}: use up to 64 letters, digits, - _ ."
            )));
        }
        let schedule = self.read_schedule(name, input, old)?;
        let role = schedule.target.role.clone();
        let to = [("iam:PassedToService".to_string(), vec!["scheduler.amazonaws.com".to_string()])];
        self.allow("iam:PassRole", &role, &ResourceTags::new(), &to)
            .map_err(|error| ApiError::new("AccessDeniedException", error.message))?;
        if self.schedule_role(&role).is_none() {
            return Err(invalid(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            ));
        }
        input.check_all_read()?;
        let next = schedule.next(self.now).filter(|_| schedule.enabled);
        if let Some(at) = next {
            let event = SandboxEvent::Fire { schedule: name.to_string(), plan: schedule.plan, attempt: 0 };
            self.plan_event(at.duration_since(self.now), event);
        }
        self.here.schedules.insert(name.to_string(), schedule);
        Ok(json!({ "ScheduleArn": self.schedule_arn(name) }))
    }

    fn read_schedule(
        &self,
        name: &str,
        input: &JsonMembers<'_>,
        old: Option<&EventSchedule>,
    ) -> ApiResult<EventSchedule> {
        let text = input.need("ScheduleExpression")?;
        let zone_name = input.text("ScheduleExpressionTimezone")?.unwrap_or("UTC");
        let zone = TimeZone::get(zone_name)
            .map_err(|_| invalid(format!("Invalid ScheduleExpressionTimezone {zone_name}.")))?;
        let expression = ScheduleExpression::read(text, &zone);
        let expression = expression.ok_or_else(|| invalid(format!("Invalid Schedule Expression {text}.")))?;
        let (begins, ends) = (input.instant("StartDate")?, input.instant("EndDate")?);
        if matches!(expression, ScheduleExpression::At(at) if at <= self.now) {
            return Err(invalid(format!("Invalid Schedule Expression {text}: it is in the past.")));
        }
        if ends.is_some_and(|ends| ends <= begins.unwrap_or(self.now)) {
            return Err(invalid("The EndDate you specify must come after the StartDate, and after now."));
        }
        let window = input.need_part("FlexibleTimeWindow")?;
        let minutes = window.number("MaximumWindowInMinutes")?;
        let window = match (window.need("Mode")?, minutes) {
            ("OFF", None) => None,
            ("FLEXIBLE", Some(minutes)) if (1..=1440).contains(&minutes) => Some(minutes),
            _ => return Err(invalid("FlexibleTimeWindow must be OFF, or FLEXIBLE with 1 to 1440 minutes")),
        };
        let enabled = match input.text("State")? {
            None | Some("ENABLED") => true,
            Some("DISABLED") => false,
            Some(other) => return Err(invalid(format!("{other} is not a valid State"))),
        };
        let delete_when_done = match input.text("ActionAfterCompletion")? {
            None | Some("NONE") => false,
            Some("DELETE") => true,
            Some(other) => return Err(invalid(format!("{other} is not a valid ActionAfterCompletion"))),
        };
        Ok(EventSchedule {
            name: name.to_string(),
            expression: text.to_string(),
            zone: zone_name.to_string(),
            begins,
            ends,
            description: input.text("Description")?.map(String::from),
            enabled,
            target: read_target(&input.need_part("Target")?)?,
            window,
            delete_when_done,
            token: input.text("ClientToken")?.map(String::from),
            created: old.map_or(self.now, |old| old.created),
            modified: self.now,
            plan: self.plan_after(old),
        })
    }

    /// Returns the plan number of a new or changed schedule. A schedule that is deleted and created
    /// again gets a number of its own.
    fn plan_after(&self, old: Option<&EventSchedule>) -> u32 {
        old.map_or(self.now.as_second() as u32, |old| old.plan + 1)
    }

    /// Returns the role of an ARN, if Scheduler may assume it.
    fn schedule_role(&self, arn: &str) -> Option<String> {
        let name = arn.rsplit('/').next()?;
        let same = self.iam.role_arn(self.account, self.partition(), name) == arn;
        (same && self.iam.trusts(name, "scheduler.amazonaws.com")).then(|| name.to_string())
    }

    /// Runs a due schedule, and plans its retry and its next run.
    pub(crate) fn run_schedule(&mut self, name: &str, plan: u32, attempt: i64) {
        let Some(schedule) = self.here.schedules.get(name).filter(|held| held.plan == plan).cloned() else {
            return;
        };
        let done = self.make_call(&schedule);
        let (most, age) = schedule.target.retry;
        let again = done.is_err_and(|error| error.status >= 500) && attempt < most && attempt * PAUSE < age;
        let fire = |attempt| SandboxEvent::Fire { schedule: name.to_string(), plan, attempt };
        if again {
            self.plan_event(jiff::SignedDuration::from_secs(PAUSE), fire(attempt + 1));
        }
        // Only the first attempt plans the next run. A retry only finds out whether there is one.
        let due = self.now - jiff::SignedDuration::from_secs(attempt * PAUSE);
        match schedule.next(due) {
            Some(at) if attempt == 0 => self.plan_event(at.duration_since(self.now), fire(0)),
            None if schedule.delete_when_done && !again => drop(self.here.schedules.remove(name)),
            _ => {}
        }
    }

    /// Makes the schedule's call with the permissions of its role only.
    fn make_call(&mut self, schedule: &EventSchedule) -> ApiResult<()> {
        let target = &schedule.target;
        let denied =
            || ApiError::new("AccessDenied", format!("{} cannot be assumed by Scheduler", target.role));
        let role = self.schedule_role(&target.role).ok_or_else(denied)?;
        let caller = Principal::Role {
            account: self.account.to_string(),
            role,
            session: schedule.name.clone(),
            source: None,
        };
        let (action, params) = target_call(target)?;
        let who = caller.arn();
        let before = std::mem::replace(&mut self.caller, caller);
        let whole = params.whole();
        let done = ec2::answer(self, action, &whole);
        self.caller = before;
        let event = TrailEvent {
            id: self.ids.letters(20),
            at: self.now,
            service: "ec2".to_string(),
            region: self.region.to_string(),
            action: action.to_string(),
            who,
            access_key: String::new(),
            error: done.as_ref().err().map(|error| error.code.to_string()),
        };
        self.trail.push(event);
        done.map(drop)
    }

    fn list_schedules(&mut self, input: &JsonMembers<'_>) -> ApiResult<Value> {
        self.allow_any("scheduler:ListSchedules")?;
        let (prefix, state) = (input.text("NamePrefix")?, input.text("State")?);
        let all = self.here.schedules.values().filter(|schedule| {
            prefix.is_none_or(|prefix| schedule.name.starts_with(prefix))
                && state.is_none_or(|state| state_of(schedule) == state)
        });
        let rows: Vec<Value> = all
            .map(|schedule| {
                json!({
                    "Arn": self.schedule_arn(&schedule.name), "Name": schedule.name, "GroupName": GROUP,
                    "State": state_of(schedule), "CreationDate": schedule.created.as_second(),
                    "LastModificationDate": schedule.modified.as_second(),
                    "Target": { "Arn": schedule.target.arn },
                })
            })
            .collect();
        let refusals = ("ValidationException", "ValidationException");
        let (rows, next) = self.json_page(input, rows, "NextToken", 100, refusals)?;
        Ok(with_token(json!({ "Schedules": rows }), "NextToken", next))
    }

    fn schedule_node(&self, schedule: &EventSchedule) -> Value {
        let target = &schedule.target;
        let mut shown = json!({
            "Arn": self.schedule_arn(&schedule.name), "GroupName": GROUP, "Name": schedule.name,
            "ScheduleExpression": schedule.expression, "ScheduleExpressionTimezone": schedule.zone,
            "State": state_of(schedule), "CreationDate": schedule.created.as_second(),
            "LastModificationDate": schedule.modified.as_second(),
            "ActionAfterCompletion": if schedule.delete_when_done { "DELETE" } else { "NONE" },
            "FlexibleTimeWindow": { "Mode": if schedule.window.is_some() { "FLEXIBLE" } else { "OFF" } },
            "Target": {
                "Arn": target.arn, "RoleArn": target.role,
                "RetryPolicy": { "MaximumRetryAttempts": target.retry.0, "MaximumEventAgeInSeconds": target.retry.1 },
            },
        });
        let mut put = |pointer: &str, name: &str, value: Option<Value>| {
            if let (Some(value), Some(part)) = (value, shown.pointer_mut(pointer)) {
                part[name] = value;
            }
        };
        put("", "StartDate", schedule.begins.map(|at| at.as_second().into()));
        put("", "EndDate", schedule.ends.map(|at| at.as_second().into()));
        put("", "Description", schedule.description.clone().map(Value::from));
        put("/FlexibleTimeWindow", "MaximumWindowInMinutes", schedule.window.map(Value::from));
        put("/Target", "Input", target.input.clone().map(Value::from));
        shown
    }
}

fn state_of(schedule: &EventSchedule) -> &'static str {
    if schedule.enabled { "ENABLED" } else { "DISABLED" }
}

fn read_target(part: &JsonMembers<'_>) -> ApiResult<ScheduleTarget> {
    let retry = part.part("RetryPolicy")?;
    let number = |name: &str, default: i64, (least, most): (i64, i64)| -> ApiResult<i64> {
        let found = retry.as_ref().map_or(Ok(None), |retry| retry.number(name))?.unwrap_or(default);
        if (least..=most).contains(&found) {
            Ok(found)
        } else {
            Err(invalid(format!("{name} must be between {least} and {most}")))
        }
    };
    let target = ScheduleTarget {
        arn: part.need("Arn")?.to_string(),
        role: part.need("RoleArn")?.to_string(),
        input: part.text("Input")?.map(String::from),
        retry: (
            number("MaximumRetryAttempts", 185, (0, 185))?,
            number("MaximumEventAgeInSeconds", 86_400, (60, 86_400))?,
        ),
    };
    target_call(&target)?;
    Ok(target)
}

/// Returns the action and the parameters of a target's call.
fn target_call(target: &ScheduleTarget) -> ApiResult<(&'static str, QueryParams)> {
    let call = target.arn.split_once(":scheduler:::aws-sdk:ec2:").map(|(_, call)| call);
    let found = CALLS.iter().find(|(name, _)| Some(*name) == call);
    let (_, action) = found.ok_or_else(|| {
        invalid(format!(
            "Provided Arn is not supported: {}. The sandbox serves arn:aws:scheduler:::aws-sdk:ec2: with startInstances, stopInstances and terminateInstances",
            target.arn
        ))
    })?;
    let wrong = || invalid("Input must be JSON such as {\"InstanceIds\": [\"i-…\"]}");
    let input: Value = serde_json::from_str(target.input.as_deref().unwrap_or("{}")).map_err(|_| wrong())?;
    let mut params = QueryParams::default();
    for (name, value) in input.as_object().ok_or_else(wrong)? {
        match (name.as_str(), value) {
            ("InstanceIds", Value::Array(ids)) => {
                for (at, id) in ids.iter().enumerate() {
                    params.set(&format!("InstanceId.{}", at + 1), id.as_str().ok_or_else(wrong)?);
                }
            }
            ("Force" | "Hibernate" | "SkipOsShutdown", Value::Bool(flag)) => {
                params.set(name, if *flag { "true" } else { "false" });
            }
            _ => return Err(wrong()),
        }
    }
    Ok((action, params))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{ApiCall, FIRST_ACCOUNT, SandboxInstanceState, SandboxWorld, credentials};
    use crate::facts::AwsFacts;
    use crate::scenario::Scenario;

    const LAUNCH: &str = "ImageId=resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64&InstanceType=t3.micro&MinCount=1&MaxCount=1&Placement.AvailabilityZoneId=use1-az1";

    fn at(minute: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minute)
    }

    fn call(world: &mut SandboxWorld, minute: i64, service: &str, action: &str, body: &str) {
        let call = ApiCall {
            access_key: credentials(FIRST_ACCOUNT, "sandbox").0,
            service: service.to_string(),
            region: "us-east-1".to_string(),
            action: action.to_string(),
            body: body.to_string(),
            request: String::new(),
        };
        world.call(at(minute), &call).unwrap();
    }

    fn role(world: &mut SandboxWorld) {
        let trust = json!({ "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "scheduler.amazonaws.com" },
        }] });
        let policy = json!({ "Statement": [{ "Effect": "Allow", "Action": "ec2:*", "Resource": "*" }] });
        let form = |name: &str, document: &Value| {
            form_urlencoded::Serializer::new("RoleName=reaper&PolicyName=p".to_string())
                .append_pair(name, &document.to_string())
                .finish()
        };
        let create = form("AssumeRolePolicyDocument", &trust).replace("&PolicyName=p", "");
        call(world, 0, "iam", "CreateRole", &create);
        call(world, 0, "iam", "PutRolePolicy", &form("PolicyDocument", &policy));
    }

    /// Starts a stopped instance by a schedule. The first run and its one retry find no capacity.
    /// Checks whether the schedule exists after them and starts the instance at its next run.
    fn check(expression: &str, runs_again: bool) {
        let rules = "capacity: [{type: t3.micro, zone: use1-az1, available: 1}]";
        let rules = Scenario::parse(rules).unwrap();
        let mut world = SandboxWorld::new(Arc::new(AwsFacts::small()), rules, 1, at(0));
        role(&mut world);
        let ids = |world: &SandboxWorld| -> Vec<String> {
            let here = &world.state.accounts[FIRST_ACCOUNT].regions["us-east-1"];
            here.instances.keys().cloned().collect()
        };
        call(&mut world, 0, "ec2", "RunInstances", LAUNCH);
        let stopped = ids(&world).remove(0);
        call(&mut world, 1, "ec2", "StopInstances", &format!("InstanceId.1={stopped}"));
        call(&mut world, 5, "ec2", "RunInstances", LAUNCH);
        let running = ids(&world).into_iter().find(|id| *id != stopped).unwrap();
        let schedule = json!({
            "Name": "s", "ScheduleExpression": expression, "ActionAfterCompletion": "DELETE",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": {
                "Arn": "arn:aws:scheduler:::aws-sdk:ec2:startInstances",
                "RoleArn": format!("arn:aws:iam::{FIRST_ACCOUNT}:role/reaper"),
                "Input": json!({ "InstanceIds": [&stopped] }).to_string(),
                "RetryPolicy": { "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 3600 },
            },
        });
        call(&mut world, 10, "scheduler", "CreateSchedule", &schedule.to_string());
        world.apply_due_events(at(22));
        let account = &world.state.accounts[FIRST_ACCOUNT];
        let tries: Vec<Option<&str>> = account
            .trail
            .iter()
            .filter(|event| event.action == "StartInstances")
            .map(|event| event.error.as_deref())
            .collect();
        assert_eq!(tries, [Some("InsufficientInstanceCapacity"); 2], "{expression}");
        assert_eq!(account.regions["us-east-1"].schedules.contains_key("s"), runs_again, "{expression}");
        call(&mut world, 23, "ec2", "TerminateInstances", &format!("InstanceId.1={running}"));
        world.apply_due_events(at(33));
        let state = world.state.accounts[FIRST_ACCOUNT].regions["us-east-1"].instances[&stopped].state;
        assert_eq!(state == SandboxInstanceState::Running, runs_again, "{expression}");
    }

    #[test]
    fn a_schedule_is_deleted_after_its_last_run_and_not_after_a_retry() {
        check("rate(10 minutes)", true);
        check("at(2026-01-01T00:20:00)", false);
    }
}
