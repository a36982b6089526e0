use std::path::PathBuf;

use clap::Args;

/// Launch one instance with a limited life.
///
/// The launch is written to a journal before any request is sent. So a lost answer or a killed
/// program never launches a second instance: --resume continues the first launch. The first boot
/// starts a systemd timer that powers the instance off 15 minutes after its deadline: the grace
/// period of 5 minutes and 10 more. Then spawnd is sent through ssh: it warns, and ends an idle
/// instance. If that fails, the instance stays, and the timer still bounds it: spawn deliver tries
/// again. Outside, spawn reap ends an instance that the timer missed.
///
/// The instance gets a key pair, a security group that lets this machine's address connect to port
/// 22, and a role for spawnd alone. What is missing is created. Its root volume is encrypted. Its
/// metadata service accepts only sessions (version 2), one hop away. The image needs Linux,
/// cloud-init and systemd.
///
/// Every flag with a key in .spawn.yaml takes its value from there if it is not given: spawn config
/// show prints the values. The prices are those of the local warehouse, without disks and traffic.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct LaunchArgs {
    /// The instance type, or - for a row of truffle search -o json on standard input
    #[arg(value_name = "TYPE")]
    pub instance_type: Option<String>,
    /// The instance's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// How long it may run: 90m, 8h, 2d
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub ttl: Option<String>,
    /// When its time ends: eod (18:00), 18:00, "fri 18:00", or an instant such as
    /// 2026-12-24T18:00:00Z; clock times are local
    #[arg(long, value_name = "TIME", conflicts_with = "ttl", help_heading = "Life")]
    pub until: Option<String>,
    /// The longest life, which no extension can exceed [default: 7d]
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub cap: Option<String>,
    /// Stop, hibernate or terminate at the deadline; a power-off from inside stops or terminates
    /// [default: stop; terminate for spot]
    #[arg(long, value_name = "ACTION", help_heading = "Life")]
    pub on_expiry: Option<String>,
    /// How long it may be idle before spawnd ends it
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub idle_timeout: Option<String>,
    /// Stop, hibernate or terminate an idle instance [default: stop; terminate for spot]
    #[arg(long, value_name = "ACTION", help_heading = "Life")]
    pub on_idle: Option<String>,

    /// The image: ami-…, al2023, ubuntu-24.04 or deep-learning [default: al2023]
    #[arg(long, value_name = "IMAGE", help_heading = "Machine")]
    pub image: Option<String>,
    /// The size of the root disk in GiB [default: the image's own]
    #[arg(long, value_name = "GIB", help_heading = "Machine")]
    pub disk: Option<String>,
    /// Prepare the instance for hibernation; the disk grows by its memory
    #[arg(long, help_heading = "Machine")]
    pub hibernation: bool,
    /// Launch a spot instance
    #[arg(long, help_heading = "Machine")]
    pub spot: bool,
    /// Use a persistent spot request, so that the instance can be stopped
    #[arg(long, help_heading = "Machine")]
    pub stoppable: bool,
    /// The highest price in dollars per hour; a higher or unknown one is refused
    #[arg(long, value_name = "PRICE", help_heading = "Machine")]
    pub max_price: Option<String>,

    /// The region
    #[arg(long, value_name = "REGION", help_heading = "Place and access")]
    pub region: Option<String>,
    /// The availability zone, by name or id
    #[arg(long, value_name = "ZONE", help_heading = "Place and access")]
    pub zone: Option<String>,
    /// The subnet [default: the default subnet of the zone]
    #[arg(long, value_name = "SUBNET", help_heading = "Place and access")]
    pub subnet: Option<String>,
    /// The name of a key pair in the region, or none [default: your ed25519 key, which is imported]
    #[arg(long, value_name = "NAME", help_heading = "Place and access")]
    pub key: Option<String>,
    /// A security group by name or id; may be repeated [default: spawn-ssh, for this machine's
    /// address]
    #[arg(long, value_name = "GROUP", value_delimiter = ',', help_heading = "Place and access")]
    pub group: Vec<String>,
    /// Let every address connect to port 22, or the range of ssh.from
    #[arg(long, conflicts_with = "group", help_heading = "Place and access")]
    pub open: bool,
    /// The role of the instance, or none [default: spawn-instance]
    #[arg(long, value_name = "NAME", help_heading = "Place and access")]
    pub role: Option<String>,
    /// The login user [default: that of the image]
    #[arg(long, value_name = "USER", help_heading = "Place and access")]
    pub user: Option<String>,

    /// How spawnd gets onto the instance: push (through ssh), https://…/{arch}, s3://bucket/prefix,
    /// or none [default: push]
    #[arg(long, value_name = "WAY", help_heading = "Contents")]
    pub deliver: Option<String>,
    /// A file for cloud-init, in any form that it accepts
    #[arg(long, value_name = "FILE", help_heading = "Contents")]
    pub user_data: Option<String>,
    /// An environment variable, written to /etc/spawn/env through ssh; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Contents")]
    pub env: Vec<String>,

    /// A tag of everything that is launched; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Tags")]
    pub tag: Vec<String>,
    /// The value of the tag project
    #[arg(long, value_name = "NAME", help_heading = "Tags")]
    pub project: Option<String>,
    /// The value of the tag team
    #[arg(long, value_name = "NAME", help_heading = "Tags")]
    pub team: Option<String>,

    /// A set of settings below profiles in .spawn.yaml
    #[arg(long, value_name = "NAME", help_heading = "Plan")]
    pub profile: Option<String>,
    /// Show the launch and let EC2 check it: nothing is launched or written
    #[arg(long, help_heading = "Plan")]
    pub dry_run: bool,
    /// Write the plan to this file and launch nothing; with --yes, launch the plan of the file
    #[arg(long, value_name = "FILE", help_heading = "Plan")]
    pub plan: Option<PathBuf>,
    /// Launch the plan of --plan, or say how it differs from a plan of now
    #[arg(long, requires = "plan", conflicts_with = "dry_run", help_heading = "Plan")]
    pub yes: bool,
    /// Continue an interrupted launch and report its outcome
    #[arg(long, conflicts_with_all = ["instance_type", "ttl", "until", "dry_run", "anew", "plan"], help_heading = "Plan")]
    pub resume: bool,
    /// Launch although an earlier launch is not settled; both instances may run
    #[arg(long, help_heading = "Plan")]
    pub anew: bool,
}
