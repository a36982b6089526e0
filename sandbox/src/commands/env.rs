use clap::Args;
use console::{Failure, Printer};

use crate::control_client::call_control;

/// Print the variables that point any AWS SDK or the aws CLI at the sandbox
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
    /// Account, twelve digits [default: 000000000001]
    #[arg(long)]
    pub account: Option<String>,
    /// User of the account [default: the first one]
    #[arg(long)]
    pub user: Option<String>,
    /// Region for AWS_REGION and AWS_DEFAULT_REGION
    #[arg(long, default_value = "us-east-1")]
    pub default_region: String,
}

/// Runs `sandbox env`.
pub(crate) fn run_env(args: &EnvArgs, printer: &mut Printer) -> Result<(), Failure> {
    let path = args
        .account
        .as_ref()
        .map_or("credentials".to_string(), |account| format!("credentials?account={account}"));
    let found = call_control(&args.url, &path, None)?;
    let ending = args.user.as_ref().map(|user| format!(":user/{user}"));
    let keys = found["keys"].as_array().cloned().unwrap_or_default();
    let fits = |key: &&serde_json::Value| {
        ending.as_ref().is_none_or(|end| key["arn"].as_str().is_some_and(|arn| arn.ends_with(end)))
    };
    let key = keys.iter().find(fits).ok_or_else(|| {
        Failure::usage("no user of the sandbox matches --account and --user")
            .hint("add the account and its user to the scenario file: mycelium sandbox schema")
    })?;
    let text = |name: &str| key[name].as_str().unwrap_or_default().to_string();
    let variables = [
        ("AWS_ENDPOINT_URL", args.url.clone()),
        ("AWS_ACCESS_KEY_ID", text("access_key")),
        ("AWS_SECRET_ACCESS_KEY", text("secret")),
        ("AWS_REGION", args.default_region.clone()),
        ("AWS_DEFAULT_REGION", args.default_region.clone()),
        ("AWS_CONFIG_FILE", "/dev/null".to_string()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_string()),
    ];
    let mut lines = String::from("unset AWS_PROFILE AWS_SESSION_TOKEN\n");
    for (name, value) in variables {
        lines.push_str(&format!("export {name}='{}'\n", value.replace('\'', "'\\''")));
    }
    printer.text(&lines)
}
