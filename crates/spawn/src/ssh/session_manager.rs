//! The Session Manager: a way in without ssh, an open port or a public address. The aws CLI and its
//! plugin carry the bytes.

use std::io;
use std::time::Duration;

use console::Failure;
use fleet::instance::InstanceView;
use fleet::ports::SessionManagerStatus;
use serde_json::json;

use super::arguments::quote_words;
use super::known_hosts::is_instance_id;
use crate::ports::cloud_failure;
use crate::{Ports, ProcessCommand};

/// How long a program may take to print its version.
const LIMIT: Duration = Duration::from_secs(20);

/// Checks everything that a session of the Session Manager needs: the aws CLI, its plugin, and the
/// agent of the instance.
///
/// # Errors
/// One of the three is missing; each has a message and a hint of its own.
pub(crate) fn check_session_manager(instance: &InstanceView, ports: &Ports<'_>) -> Result<(), Failure> {
    let found = |program: &str| {
        let args = vec!["--version".into()];
        let command = ProcessCommand { program: program.into(), args, ..ProcessCommand::default() };
        match ports.processes.capture(&command, b"", LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            // It is there; the session itself shows any other problem.
            _ => true,
        }
    };
    if !found("aws") {
        return Err(Failure::broken("the Session Manager needs the aws CLI, which is not installed")
            .hint("https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"));
    }
    if !found("session-manager-plugin") {
        return Err(Failure::broken("the aws CLI needs session-manager-plugin, which is not installed").hint(
            "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
        ));
    }
    let InstanceView { region, id, .. } = instance;
    match ports.access.session_manager_status(region, id).map_err(cloud_failure)? {
        SessionManagerStatus::Online => Ok(()),
        SessionManagerStatus::Offline(word) => {
            Err(Failure::broken(format!("the Session Manager does not reach {id}: its agent is {word}"))
                .hint("the agent needs a way to AWS; see spawn logs --console"))
        }
        SessionManagerStatus::Unregistered => {
            Err(Failure::broken(format!("the Session Manager does not know {id}")).hint(
                "its role needs the policy AmazonSSMManagedInstanceCore, and its image the agent of Systems Manager",
            ))
        }
    }
}

/// Returns the command for a shell of an instance, or for a program in it.
pub(crate) fn shell_command(
    instance: &InstanceView,
    words: &[&str],
    ports: &Ports<'_>,
) -> Result<ProcessCommand, Failure> {
    let mut args = start_session(instance)?;
    if !words.is_empty() {
        let parameters = json!({"command": [quote_words(words)?]}).to_string();
        args.extend(["--document-name", "AWS-StartInteractiveCommand", "--parameters"].map(String::from));
        args.push(parameters);
    }
    Ok(aws_command(args, ports))
}

/// Returns the command that connects its standard input and output with an instance's ssh server.
pub(crate) fn tunnel_command(instance: &InstanceView, ports: &Ports<'_>) -> Result<ProcessCommand, Failure> {
    let mut args = start_session(instance)?;
    args.extend(
        ["--document-name", "AWS-StartSSHSession", "--parameters", "portNumber=22"].map(String::from),
    );
    Ok(aws_command(args, ports))
}

fn start_session(instance: &InstanceView) -> Result<Vec<String>, Failure> {
    let InstanceView { region, id, .. } = instance;
    if !is_instance_id(id) || !domain::Region::is_valid(region) {
        return Err(Failure::broken(format!("{id:?} in {region:?} is not an instance")));
    }
    Ok(["ssm", "start-session", "--region", region, "--target", id].map(String::from).into())
}

fn aws_command(args: Vec<String>, ports: &Ports<'_>) -> ProcessCommand {
    // The CLI prefers this argument to keys in the environment; AWS_PROFILE would lose to them.
    let profile = ports.aws_profile.map(|name| ["--profile".to_string(), name.to_string()]);
    let args = profile.into_iter().flatten().chain(args).map(Into::into).collect();
    ProcessCommand { program: "aws".into(), args, ..ProcessCommand::default() }
}
