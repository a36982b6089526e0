//! Datasets that `collector snapshot` collects only on request: those that cost money, and answers
//! to a request.

use std::process::Command;

use tests::{Desk, run_command};

use crate::moto::Moto;
use crate::snapshot::{Serving, aws, collector, query_csv, serve, serve_with};

const IMAGE: &str = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

/// Returns the machine's time some hours ago. A sandbox that begins there can be advanced to now.
pub(crate) fn hours_ago(hours: u32) -> String {
    let mut command = Command::new("date");
    run_command(command.args(["-u", "-d", &format!("-{hours} hours"), "+%Y-%m-%dT%H:%M:%SZ"]))
        .expect_success()
        .trim()
        .to_string()
}

/// Starts a sandbox with a frozen clock and instances of these types, and advances it by some hours
/// to now. Returns `None` without the aws CLI.
fn sandbox_after_hours(desk: &Desk, scenario: &str, hours: u32, types: &[(&str, &str)]) -> Option<Serving> {
    let timing = "timing: {pending: 0s, visible_after: 0s}\n";
    let serving = serve_with(desk, &format!("{timing}{scenario}"), &["--frozen", &hours_ago(hours)]);
    for (region, kind) in types {
        let launch =
            ["ec2", "run-instances", "--region", region, "--instance-type", kind, "--image-id", IMAGE];
        aws(desk, &serving, &launch)?;
    }
    let url = serving.value("AWS_ENDPOINT_URL");
    let forward = format!("+{hours}h");
    run_command(&mut desk.command("mycelium", &["sandbox", "clock", &forward, "--url", &url]))
        .expect_success();
    Some(serving)
}

#[test]
fn costs_are_collected_by_day_and_open_days_are_collected_again() {
    let desk = Desk::default();
    let types = [("us-east-1", "t3.micro"), ("us-east-1", "m5.large"), ("eu-west-1", "m5.large")];
    let Some(serving) = sandbox_after_hours(&desk, "page: 3\n", 50, &types) else { return };
    // A dataset that costs money is collected only by name, and a dry run makes no paid request.
    let plan = collector(&desk, &serving, &["snapshot", "--dry-run", "-o", "csv"]).expect_success();
    assert!(!plan.contains("charge") && !plan.contains("utilization"), "{plan}");
    let words = ["snapshot", "charge", "--by", "instance-type,region", "-o", "csv"];
    let plan = collector(&desk, &serving, &[&words[..], &["--dry-run"]].concat()).expect_success();
    assert!(plan.contains("ce:GetCostAndUsage") && plan.contains("at most 1.00"), "{plan}");
    let first = collector(&desk, &serving, &words);
    assert!(first.err.contains("costs at most $1.00"), "{first:?}");
    let told = first.expect_success();
    // A line for each day and one for their sum.
    assert_eq!(told.lines().count(), 1 + 31 + 1, "{told}");
    let days = "SELECT count(*) FILTER (outcome = 'complete') BETWEEN 3 AND 4 AS some,
        count(*) FILTER (outcome = 'empty') BETWEEN 27 AND 28 AS none,
        count(*) FILTER (len(gaps) > 0) AS gaps FROM collection_run WHERE dataset = 'charge'";
    assert_eq!(query_csv(&desk, days), "some,none,gaps\ntrue,true,0\n");
    // A month is estimated until it has ended. The log and each row mark its days as estimated.
    let now = query_csv(&desk, "SELECT max(observed_at) AS now FROM collection_run WHERE dataset = 'charge'");
    let now = now.lines().nth(1).unwrap();
    let (month, day) = (&now[..7], now[8..10].parse::<usize>().unwrap());
    let unmarked = "SELECT count(*) AS n FROM collection_run
        WHERE dataset = 'charge' AND (version LIKE 'estimated %') <> (scope LIKE '%/@-__')";
    assert_eq!(query_csv(&desk, &unmarked.replace('@', month)), "n\n0\n");
    let unmarked = "SELECT count(*) AS n FROM charge
        WHERE coalesce(extra LIKE '%Estimated%', false) <> (bill LIKE '%/@-__')";
    assert_eq!(query_csv(&desk, &unmarked.replace('@', month)), "n\n0\n");
    // The same answers in a file, printed by the aws CLI, give the same rows.
    let spans =
        query_csv(&desk, "SELECT min(charge_period_start) AS a, max(charge_period_end) AS b FROM charge");
    let span: Vec<&str> = spans.lines().nth(1).unwrap().split(',').map(|at| &at[..10]).collect();
    let period = format!("Start={},End={}", span[0], span[1]);
    let groups = ["Type=DIMENSION,Key=INSTANCE_TYPE", "Type=DIMENSION,Key=REGION"];
    let ask = ["ce", "get-cost-and-usage", "--granularity", "DAILY", "--time-period", &period];
    let metrics = ["--metrics", "UnblendedCost", "AmortizedCost", "--group-by", groups[0], groups[1]];
    let mut answers = String::new();
    let mut token: Option<String> = None;
    loop {
        let more: Vec<&str> = token.iter().flat_map(|token| ["--next-page-token", token.as_str()]).collect();
        let answer = aws(&desk, &serving, &[&ask[..], &metrics, &more].concat()).unwrap();
        answers += &answer;
        token =
            answer.split("\"NextPageToken\": \"").nth(1).map(|rest| rest.split('"').next().unwrap().into());
        if token.is_none() {
            break;
        }
    }
    let file = desk.home().join("answers.json");
    std::fs::write(&file, answers).unwrap();
    let other = Desk::default();
    let account = query_csv(&desk, "SELECT DISTINCT billing_account_id AS id FROM charge");
    let account = account.lines().nth(1).unwrap();
    let import = ["import", "cost-explorer", file.to_str().unwrap(), "--account", account];
    other.collector(&import).expect_success();
    let rows = "SELECT * EXCLUDE (source) FROM charge ORDER BY ALL";
    let same = query_csv(&desk, rows);
    assert!(same.lines().count() > 6, "{same}");
    assert_eq!(same, query_csv(&other, rows));
    // Settled days are not paid for again, and unchanged days add no rows.
    let kept = query_csv(&desk, "SELECT count(*) AS n FROM charge_history");
    let again = collector(&desk, &serving, &words).expect_success();
    assert_eq!(again.lines().count(), 1 + day.clamp(4, 31) + 1, "{again}");
    assert!(!again.contains("complete") && again.contains("unchanged"), "{again}");
    assert_eq!(query_csv(&desk, "SELECT count(*) AS n FROM charge_history"), kept);
    // Late costs replace the rows of their day.
    let url = serving.value("AWS_ENDPOINT_URL");
    run_command(&mut desk.command("mycelium", &["sandbox", "clock", "+4m", "--url", &url])).expect_success();
    let late = collector(&desk, &serving, &words).expect_success();
    assert!(late.contains(",complete,3,") && late.contains("unchanged"), "{late}");
    let doubled = "SELECT count(*) AS n FROM (SELECT 1 FROM charge
        GROUP BY bill, instance_type, region_id HAVING count(*) > 1)";
    assert_eq!(query_csv(&desk, doubled), "n\n0\n");
    let words = ["query", "cost/by-day", "--param", "month=all", "--as-of", "2100-01-01", "-o", "csv", "-q"];
    let days = desk.truffle(&words).expect_success();
    assert!(days.lines().count() > 3, "{days}");
    for line in days.lines().skip(1) {
        let of_this_month = line.split(',').nth(1).is_some_and(|day| day.starts_with(month));
        assert_eq!(line.ends_with(",true"), of_this_month, "{days}");
    }
}

#[test]
fn costs_are_grouped_by_a_tag() {
    let desk = Desk::default();
    let timing = "timing: {pending: 0s, visible_after: 0s}\n";
    let serving = serve_with(&desk, timing, &["--frozen", &hours_ago(3)]);
    for team in ["web", "data"] {
        let tags = format!("ResourceType=instance,Tags=[{{Key=team,Value={team}}}]");
        let launch = ["ec2", "run-instances", "--instance-type", "t3.micro", "--image-id", IMAGE];
        let words = [&launch[..], &["--tag-specifications", &tags]].concat();
        let Some(_) = aws(&desk, &serving, &words) else { return };
    }
    let url = serving.value("AWS_ENDPOINT_URL");
    run_command(&mut desk.command("mycelium", &["sandbox", "clock", "+3h", "--url", &url])).expect_success();
    collector(&desk, &serving, &["snapshot", "charge", "--by", "service,tag:team", "--since", "2d"])
        .expect_success();
    let words = ["query", "cost/by-tag", "--param", "tag=team", "--param", "month=all"];
    let asked =
        desk.truffle(&[&words[..], &["--as-of", "2100-01-01", "-o", "csv", "-q"]].concat()).expect_success();
    let mut teams: Vec<&str> = asked.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    teams.sort_unstable();
    assert_eq!(teams, ["data", "web"], "{asked}");
}

#[test]
fn the_cost_never_exceeds_the_announced_maximum() {
    let desk = Desk::default();
    let Some(serving) = sandbox_after_hours(&desk, "page: 3\n", 20, &[("us-east-1", "t3.micro")]) else {
        return;
    };
    // Three requests return nine days, and the last one could continue on the next page. The other
    // days are gaps, and the next run requests them.
    let few = ["snapshot", "charge", "--requests", "3", "-o", "csv"];
    let ended = collector(&desk, &serving, &few);
    assert!(ended.err.contains("made 3 requests to Cost Explorer"), "{ended:?}");
    let told = ended.expect_success();
    assert!(told.contains("more pages than the 3 requests that were agreed to"), "{told}");
    let days = "SELECT outcome, count(*) AS n FROM collection_run WHERE dataset = 'charge'
        GROUP BY outcome ORDER BY outcome";
    assert_eq!(query_csv(&desk, days), "outcome,n\nempty,8\nfailed,23\n");
    // A cost above one dollar needs --yes before the first request.
    let dear = ["snapshot", "charge", "--requests", "101"];
    let refused = collector(&desk, &serving, &dear);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("costs at most $1.01") && refused.err.contains("--yes"), "{refused:?}");
    assert_eq!(query_csv(&desk, days), "outcome,n\nempty,8\nfailed,23\n");
    collector(&desk, &serving, &[&dear[..], &["--yes"]].concat()).expect_success();
    assert_eq!(query_csv(&desk, "SELECT count(*) > 0 AS some FROM charge"), "some\ntrue\n");
}

#[test]
fn two_profiles_of_one_account_pay_once() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let (id, secret) = (serving.value("AWS_ACCESS_KEY_ID"), serving.value("AWS_SECRET_ACCESS_KEY"));
    let profile =
        |name: &str| format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::create_dir(desk.home().join(".aws")).unwrap();
    std::fs::write(desk.home().join(".aws/credentials"), profile("one") + &profile("other")).unwrap();
    let mut command = desk.command("collector", &["snapshot", "charge", "--account", "one,other"]);
    let done = run_command(command.env("AWS_ENDPOINT_URL", serving.value("AWS_ENDPOINT_URL")));
    assert_eq!(done.code, 0, "{done:?}");
    // Both profiles share the limit of one dollar, and only one of them paid.
    assert!(done.err.contains("up to 50, costs at most $0.50"), "{done:?}");
    assert_eq!(done.err.matches("made 1 requests to Cost Explorer, $0.01").count(), 1, "{done:?}");
    assert!(
        done.err.contains("charge of account 000000000001 was already collected in this run"),
        "{done:?}"
    );
}

#[test]
fn refused_costs_are_gaps_with_a_hint() {
    let desk = Desk::default();
    let refused = "failures:\n  - {call: GetCostAndUsage, how: {refused: {code: AccessDeniedException, status: 400}}}\n";
    let serving = serve(&desk, refused);
    let failed = collector(&desk, &serving, &["snapshot", "charge"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.err.contains("ce:GetCostAndUsage is not allowed: add it to the policy"), "{failed:?}");
    let gaps = query_csv(
        &desk,
        "SELECT DISTINCT outcome, len(gaps) AS n FROM collection_run WHERE dataset = 'charge'",
    );
    assert_eq!(gaps, "outcome,n\nfailed,1\n");
    let policy =
        collector(&desk, &serving, &["policy", "charge", "utilization", "placement_score"]).expect_success();
    for action in ["ce:GetCostAndUsage", "cloudwatch:GetMetricData", "ec2:GetSpotPlacementScores"] {
        assert!(policy.contains(action), "{policy}");
    }
}

#[test]
fn the_utilization_of_running_instances_is_collected_by_hour() {
    let desk = Desk::default();
    let scenario = "metrics: [{type: \"*\", metric: CPUUtilization, values: [10, 30]}]\n";
    let types = [("us-east-1", "t3.micro"), ("us-east-1", "m5.large"), ("eu-west-1", "m5.large")];
    let Some(serving) = sandbox_after_hours(&desk, scenario, 6, &types) else { return };
    let words = ["snapshot", "utilization", "--region", "us-east-1,eu-west-1,eu-west-2", "-o", "csv"];
    let plan = collector(&desk, &serving, &[&words[..], &["--dry-run"]].concat()).expect_success();
    assert!(plan.contains("at most 0.00036"), "{plan}");
    let first = collector(&desk, &serving, &words);
    assert!(
        first.err.contains("utilization of 3 instances of 000000000001 costs at most $0.00036"),
        "{first:?}"
    );
    let told = first.expect_success();
    assert!(told.contains("utilization,000000000001/us-east-1,partial,"), "{told}");
    // The first and the last hour may have only one of the two figures.
    let found = "SELECT region, metric, unit, statistic, period_seconds, source, count(DISTINCT instance_id) AS instances,
        count(*) / instances BETWEEN 5 AND 7 AS hours, bool_and(statistic = 'average' OR value = 30 OR value = 10
            AND observed_at IN (SELECT unnest([min(observed_at), max(observed_at)]) FROM utilization)) AS right
        FROM utilization GROUP BY ALL ORDER BY ALL";
    let expected = "region,metric,unit,statistic,period_seconds,source,instances,hours,right\n\
        eu-west-1,cpu,percent,average,3600,cloudwatch,1,true,true\n\
        eu-west-1,cpu,percent,maximum,3600,cloudwatch,1,true,true\n\
        us-east-1,cpu,percent,average,3600,cloudwatch,2,true,true\n\
        us-east-1,cpu,percent,maximum,3600,cloudwatch,2,true,true\n";
    assert_eq!(query_csv(&desk, found), expected);
    // The newest hours are requested again, and no hour is stored twice.
    collector(&desk, &serving, &words).expect_success();
    assert_eq!(query_csv(&desk, found), expected);
    let busy = [
        "query",
        "instance/utilization",
        "--as-of",
        "2100-01-01",
        "--param",
        "days=40000",
        "-o",
        "csv",
        "-q",
    ];
    let busy = desk.truffle(&busy).expect_success();
    assert_eq!(busy.lines().count(), 1 + 3, "{busy}");
    for line in busy.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let average: f64 = cells[7].parse().unwrap();
        assert!((15.0..25.0).contains(&average) && cells[8] == "30.0" && cells[10].is_empty(), "{busy}");
    }
}

#[test]
fn measurements_on_several_pages_are_one_series() {
    let desk = Desk::default();
    let scenario = "page: 7\nmetrics: [{type: \"*\", metric: CPUUtilization, values: [10, 30]}]\n";
    let Some(serving) = sandbox_after_hours(&desk, scenario, 6, &[("us-east-1", "t3.micro")]) else { return };
    let words = ["snapshot", "utilization", "--region", "us-east-1"];
    collector(&desk, &serving, &words).expect_success();
    let found = "SELECT len(gaps) AS gaps, row_count BETWEEN 10 AND 14 AS whole FROM collection_run
        WHERE dataset = 'utilization'";
    assert_eq!(query_csv(&desk, found), "gaps,whole\n0,true\n");
    let even = "SELECT count(DISTINCT n) AS n FROM (SELECT statistic, count(*) AS n FROM utilization GROUP BY statistic)";
    assert_eq!(query_csv(&desk, even), "n\n1\n");
}

#[test]
fn paging_stops_at_the_announced_number_of_metrics() {
    let desk = Desk::default();
    let scenario = "page: 3\nmetrics: [{type: \"*\", metric: CPUUtilization, values: [10, 30]}]\n";
    let Some(serving) = sandbox_after_hours(&desk, scenario, 6, &[("us-east-1", "t3.micro")]) else { return };
    // Each page is paid for like the first one. The limit allows two pages, and the answer has
    // four.
    let words = ["snapshot", "utilization", "--region", "us-east-1", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("utilization,000000000001/us-east-1,partial,6,"), "{told}");
    assert!(told.contains("more pages than the 12 metrics that may be requested"), "{told}");
}

#[test]
fn placement_scores_are_stored_with_their_request() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let ask = |more: &[&str]| {
        let words = ["snapshot", "placement_score", "--region", "us-east-1,eu-west-1", "-o", "csv"];
        collector(&desk, &serving, &[&words[..], more].concat()).expect_success()
    };
    let told = ask(&["--types", "m7i.large,c7i.large,m5.large", "--capacity", "10"]);
    let scope = "placement_score,000000000001/us-east-1/c7i.large+m5.large+m7i.large x 10,complete,1,";
    assert!(told.contains(scope), "{told}");
    let again = ask(&["--types", "m5.large,c7i.large,m7i.large", "--capacity", "10"]);
    assert!(again.contains("m7i.large x 10,unchanged,1,"), "{again}");
    // Another request does not replace the first: both stay.
    ask(&["--types", "m5.large", "--capacity", "10"]);
    let zones = ask(&["--types", "m7i.large,c7i.large,m5.large", "--single-zone"]);
    assert!(zones.contains("x 1 in one zone,"), "{zones}");
    let many = ["snapshot", "placement_score", "--region", "us-east-1,us-west-2,eu-west-1", "--single-zone"];
    let cut = collector(&desk, &serving, &[&many[..], &["--types", "t3.micro,m5.large,c5.large"]].concat());
    assert_eq!(cut.code, 0, "{cut:?}");
    assert!(cut.out.contains("AWS names only the 10 best places"), "{cut:?}");
    let kept = query_csv(
        &desk,
        "SELECT region, len(instance_types) AS types, target_capacity, single_zone, count(*) > 1 AS several,
            bool_and((az_id IS NOT NULL) = single_zone) AS placed, bool_and(score BETWEEN 1 AND 10) AS scored
        FROM placement_score WHERE region = 'us-east-1' AND NOT list_contains(instance_types, 't3.micro') GROUP BY ALL ORDER BY ALL",
    );
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(
        lines[1..3],
        ["us-east-1,1,10,false,false,true,true", "us-east-1,3,1,true,true,true,true"],
        "{kept}"
    );
    assert_eq!(lines[3..], ["us-east-1,3,10,false,false,true,true"], "{kept}");
    let asked =
        desk.truffle(&["query", "spot/scores", "--as-of", "2100-01-01", "-o", "csv", "-q"]).expect_success();
    let scores: Vec<i64> =
        asked.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert!(scores.len() > 6 && scores.is_sorted_by(|one, other| one >= other), "{asked}");
}

#[test]
fn capacity_blocks_are_stored_with_their_request() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let ask = |more: &[&str]| {
        let words = ["snapshot", "capacity_block", "--region", "us-east-1", "-o", "csv"];
        collector(&desk, &serving, &[&words[..], more].concat()).expect_success()
    };
    let told = ask(&["--types", "p5.48xlarge,m5.large", "--capacity", "2", "--hours", "48"]);
    let scope = "capacity_block,000000000001/us-east-1/p5.48xlarge x 2 for 48h,complete,";
    assert!(told.contains(scope), "{told}");
    let refused = "capacity_block,000000000001/us-east-1/m5.large x 2 for 48h,failed,0,";
    assert!(told.contains(refused) && told.contains("not supported for Capacity Blocks"), "{told}");
    // Another request retires no row.
    ask(&["--types", "p5.48xlarge"]);
    let kept = "SELECT DISTINCT instance_count, duration_hours, az_id LIKE 'use1-az%' AS placed,
        upfront_price > 0 AS priced, ends_at - starts_at > INTERVAL 1 HOUR AS long, currency
        FROM capacity_block ORDER BY ALL";
    let expected = "instance_count,duration_hours,placed,priced,long,currency\n\
        1,24,true,true,true,USD\n2,48,true,true,true,USD\n";
    assert_eq!(query_csv(&desk, kept), expected);
    // The sandbox's clock is the machine's. Its offers begin after that.
    let words = ["query", "capacity/blocks", "--param", "type=p5.48xlarge", "-o", "csv", "-q"];
    let asked = desk.truffle(&[&words[..], &["--as-of", &hours_ago(0)]].concat()).expect_success();
    let first = asked.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("p5.48xlarge,us-east-1,use1-az"), "{asked}");
}

#[test]
fn a_limit_of_the_account_is_reported() {
    let desk = Desk::default();
    let limited = "failures:\n  - {call: GetSpotPlacementScores, how: {refused: {code: MaxConfigLimitExceeded, status: 400, \
        message: You have reached the maximum number of configurations for 24 hours.}}}\n";
    let serving = serve(&desk, limited);
    let words = ["snapshot", "placement_score", "--types", "m5.large", "--region", "us-east-1"];
    let failed = collector(&desk, &serving, &words);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.err.contains("ec2:GetSpotPlacementScores: MaxConfigLimitExceeded"), "{failed:?}");
}

#[test]
fn prices_of_single_types_are_collected_and_retire_no_others() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let held = query_csv(
        &desk,
        "SELECT count(*) AS n FROM price WHERE region = 'us-east-1' AND instance_type <> 'm7i.large'",
    );
    let words = ["snapshot", "price", "--type", "m7i.large", "--region", "us-east-1", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("price,us-east-1,partial,1,"), "{told}");
    let price = query_csv(
        &desk,
        "SELECT price_per_hour > 0 AS paid, os, basis, source FROM price_history WHERE run_id LIKE 'snapshot%'",
    );
    assert_eq!(price, "paid,os,basis,source\ntrue,linux,published,AWS pricing:GetProducts of m7i.large\n");
    let others =
        "SELECT count(*) AS n FROM price WHERE region = 'us-east-1' AND instance_type <> 'm7i.large'";
    assert_eq!(query_csv(&desk, others), held);
    // The same answer adds no row.
    collector(&desk, &serving, &words).expect_success();
    assert_eq!(
        query_csv(&desk, "SELECT count(*) AS n FROM price_history WHERE run_id LIKE 'snapshot%'"),
        "n\n1\n"
    );
    let words = ["snapshot", "price", "--type", "m7i.large,zz9.large", "--region", "us-east-1", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("AWS publishes no price of zz9.large for us-east-1"), "{told}");
}

#[test]
fn instances_that_could_not_be_listed_are_a_gap_of_utilization() {
    let desk = Desk::default();
    let scenario = "page: 3\nfailures:\n  - {call: DescribeInstances, skip: 1, how: {refused: {code: InternalError, status: 400}}}\n";
    let four = [("us-east-1", "t3.micro"); 4];
    let Some(serving) = sandbox_after_hours(&desk, scenario, 2, &four) else { return };
    let done = collector(&desk, &serving, &["snapshot", "utilization", "--region", "us-east-1", "-o", "csv"]);
    assert!(done.err.contains("utilization of 3 instances"), "{done:?}");
    assert!(done.out.contains("ec2:DescribeInstances: InternalError"), "{done:?}");
}

/// The seed is made of the records in moto's wheel. Here the same records come from its server, as
/// XML and through the SDK. moto has no quotas, and its capacity reservations fail. Its spot prices
/// are all the same and of 2006. An instance that stops has stopped at once.
#[test]
fn motos_ec2_is_understood() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    for team in ["red", "blue"] {
        moto.ec2(&format!(
            "Action=RunInstances&ImageId=ami-12c6146b&InstanceType=m5.large&MinCount=1&MaxCount=1\
             &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value={team}"
        ));
    }
    moto.ec2("Action=CreateVolume&AvailabilityZone=us-east-1a&Size=7&VolumeType=gp3");
    moto.ec2("Action=AllocateAddress&Domain=vpc");
    let datasets =
        "region_access zone instance_type offering instance volume address spot_request spot_price";
    let words: Vec<&str> = ["snapshot"].into_iter().chain(datasets.split(' ')).collect();
    let told = moto
        .collector(&desk, &[&words[..], &["--region", "us-east-1", "-o", "csv"]].concat())
        .expect_success();
    assert!(!told.contains("failed"), "{told}");
    let differing = |table: &str| {
        let rows =
            format!("SELECT * EXCLUDE (run_id, valid_from, valid_until) FROM {table} WHERE run_id LIKE");
        let of_seed = format!("{rows} 'seed%'");
        let of_server = format!("{rows} 'snapshot%'");
        let sql = format!(
            "SELECT (SELECT count(*) FROM ({of_server})) > 1000 AS many, count(*) AS differing FROM ({of_server} EXCEPT {of_seed})"
        );
        query_csv(&desk, &sql)
    };
    assert_eq!(differing("instance_type_history"), "many,differing\ntrue,0\n");
    assert_eq!(differing("offering_history"), "many,differing\ntrue,0\n");
    let instances = query_csv(&desk, "SELECT instance_type, state, region, tags FROM instance ORDER BY tags");
    let expected = "instance_type,state,region,tags\n\
        m5.large,running,us-east-1,\"{\"\"team\"\":\"\"blue\"\"}\"\nm5.large,running,us-east-1,\"{\"\"team\"\":\"\"red\"\"}\"\n";
    assert_eq!(instances, expected);
    let counts = "SELECT (SELECT count(*) FROM volume WHERE size_gib = 7) AS volumes, (SELECT count(*) FROM address) AS addresses,
        (SELECT count(*) FROM zone WHERE zone_name IS NOT NULL) AS zones, (SELECT count(*) FROM spot_price) AS prices";
    assert_eq!(query_csv(&desk, counts), "volumes,addresses,zones,prices\n1,1,6,6436\n");
}

/// moto's CloudWatch does not support CBOR, the only format that the SDK uses for it. Its price
/// list has no answers, and it has neither placement scores nor capacity blocks.
#[test]
fn motos_cost_explorer_is_understood() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    let (day, next) = (&hours_ago(24)[..10], &hours_ago(0)[..10]);
    let metric = r#"{"Amount": "12.3456789012", "Unit": "USD"}"#;
    moto.set_next_costs(&format!(
        r#"{{"GroupDefinitions": [], "ResultsByTime": [{{"TimePeriod": {{"Start": "{day}", "End": "{next}"}}, "Total": {{}},
        "Groups": [{{"Keys": ["Amazon EC2", "team$web"], "Metrics": {{"UnblendedCost": {metric}, "AmortizedCost": {metric}}}}}],
        "Estimated": true}}]}}"#
    ));
    let words = ["snapshot", "charge", "--by", "service,tag:team", "--since", "2d", "-o", "csv"];
    let told = moto.collector(&desk, &words).expect_success();
    assert!(told.contains(&format!("charge,123456789012/{day},complete,1,")), "{told}");
    assert!(told.contains("ce:GetCostAndUsage returned nothing for that day"), "{told}");
    let found = query_csv(&desk, "SELECT service_name, tags, billed_cost, effective_cost, extra FROM charge");
    let row = r#"Amazon EC2,"{""team"":""web""}",12.3456789012,12.3456789012,"{""Estimated"":""true""}""#;
    assert_eq!(found, format!("service_name,tags,billed_cost,effective_cost,extra\n{row}\n"));
}
