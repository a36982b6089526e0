//! `collector snapshot` against the sandbox and against a loopback server of public files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tests::{Desk, Ran, repository_root, run_command};

/// A sandbox that ends with its test, and the variables that point to it.
pub(crate) struct Serving {
    child: Child,
    variables: Vec<(String, String)>,
}

impl Serving {
    /// Returns the value of a variable.
    pub(crate) fn value(&self, name: &str) -> String {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.variables)).1.clone()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn serve(desk: &Desk, scenario: &str) -> Serving {
    serve_with(desk, scenario, &[])
}

pub(crate) fn serve_with(desk: &Desk, scenario: &str, more: &[&str]) -> Serving {
    let file = desk.home().join("scenario.yaml");
    fs::write(&file, scenario).unwrap();
    let words = ["sandbox", "serve", "--port", "0", "--scenario", file.to_str().unwrap()];
    let mut child = desk
        .command("mycelium", &[&words, more].concat())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let from = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    let url = line[from..].split_whitespace().next().unwrap();
    let said = run_command(&mut desk.command("mycelium", &["sandbox", "env", "--url", url])).expect_success();
    let pair = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_string(), value.trim_matches('\'').to_string()))
    };
    Serving { child, variables: said.lines().filter_map(pair).collect() }
}

pub(crate) fn collector(desk: &Desk, serving: &Serving, words: &[&str]) -> Ran {
    let mut command = desk.command("collector", words);
    command.envs(serving.variables.iter().map(|(name, value)| (name, value)));
    run_command(&mut command)
}

/// Runs the aws CLI, an independent client. Returns `None` where `cargo xtask setup --tests` could
/// not install it.
pub(crate) fn aws(desk: &Desk, serving: &Serving, words: &[&str]) -> Option<String> {
    let cli = repository_root().join(".tools/clients/bin/aws");
    if !cli.exists() {
        eprintln!("skipped: .tools/clients is missing; cargo xtask setup --tests makes it");
        return None;
    }
    let mut command = Command::new(cli);
    command.args(words).env_clear().env("HOME", desk.home()).env("AWS_PAGER", "");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(serving.variables.iter().map(|(name, value)| (name, value)));
    Some(run_command(&mut command).expect_success())
}

pub(crate) fn query_csv(desk: &Desk, sql: &str) -> String {
    desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success()
}

#[test]
fn the_resources_of_an_account_are_collected_and_can_be_queried() {
    let desk = Desk::default();
    let serving = serve(&desk, "timing: {pending: 0s, visible_after: 0s}\n");
    let image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let launch = [
        "ec2",
        "run-instances",
        "--instance-type",
        "t3.micro",
        "--image-id",
        image,
        "--tag-specifications",
        r#"[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "forgotten"}, {"Key": "team", "Value": "a\"b"}]}]"#,
    ];
    let Some(_) = aws(&desk, &serving, &launch) else { return };
    let datasets = ["instance", "volume", "address", "spot_request", "capacity", "quota", "zone"];
    let words = [&["snapshot"], &datasets[..], &["--region", "us-east-1,eu-west-1", "-o", "csv"]].concat();
    let told = collector(&desk, &serving, &words).expect_success();
    for expected in
        ["instance,000000000001/us-east-1,complete,1,", "instance,000000000001/eu-west-1,empty,0,"]
    {
        assert!(told.contains(expected), "{told}");
    }
    let found = query_csv(
        &desk,
        "SELECT name, instance_type, lifecycle, region, az_id LIKE 'use1-az%' AS placed, http_tokens,
           len(volumes) AS volumes, json_extract_string(tags, '$.team') AS team FROM instance",
    );
    let row = found.lines().nth(1).unwrap_or_else(|| panic!("no instance: {found}"));
    assert!(row.starts_with("forgotten,t3.micro,on-demand,us-east-1,true,"), "{found}");
    assert!(row.ends_with(",1,\"a\"\"b\""), "{found}");
    assert_eq!(query_csv(&desk, "SELECT count(*) AS n FROM quota WHERE quota_code = 'L-1216C47A'"), "n\n2\n");
    // The next snapshot retires the terminated instance. Its history stays.
    let id = query_csv(&desk, "SELECT instance_id FROM instance");
    let id = id.lines().nth(1).unwrap();
    aws(&desk, &serving, &["ec2", "terminate-instances", "--instance-ids", id]).unwrap();
    collector(&desk, &serving, &["snapshot", "instance", "--region", "us-east-1"]).expect_success();
    let states =
        query_csv(&desk, "SELECT count(*) AS n, count(DISTINCT state) AS states FROM instance_history");
    assert_eq!(states, "n,states\n2,2\n");
    assert_eq!(query_csv(&desk, "SELECT count(*) AS n FROM instance WHERE state = 'running'"), "n\n0\n");
}

#[test]
fn the_region_access_of_an_account_is_stored() {
    let desk = Desk::default();
    let serving = serve(&desk, "opted_in: [ap-east-1]\n");
    let words = ["snapshot", "region_access", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("region_access,000000000001,complete,"), "{told}");
    let found = "SELECT region, opt_in_status FROM region_access
        WHERE region IN ('us-east-1', 'ap-east-1', 'af-south-1') ORDER BY region";
    let expected =
        "region,opt_in_status\naf-south-1,not-opted-in\nap-east-1,opted-in\nus-east-1,opt-in-not-required\n";
    assert_eq!(query_csv(&desk, found), expected);
    assert!(
        collector(&desk, &serving, &words).expect_success().contains("region_access,000000000001,unchanged,")
    );
    let asked = desk
        .truffle(&["query", "region/access", "--as-of", "2100-01-01", "-o", "csv", "-q"])
        .expect_success();
    assert!(asked.contains("000000000001,us-east-1,US East (N. Virginia),opt-in-not-required,"), "{asked}");
}

#[test]
fn fetched_instance_types_equal_those_of_the_seed() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let words = ["snapshot", "instance_type", "offering", "--region", "us-east-1", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("offering,us-east-1,complete,"), "{told}");
    // Every column of every type: from the seed through the sandbox's XML, the SDK and the lake.
    let facts = |whose: &str| {
        format!(
            "SELECT * EXCLUDE (run_id, valid_from, valid_until) FROM instance_type_history
            WHERE run_id {whose} LIKE 'snapshot%' AND instance_type IN
                (SELECT instance_type FROM instance_type_history WHERE run_id LIKE 'snapshot%')"
        )
    };
    let (fetched, seed) = (facts(""), facts("NOT"));
    for differing in [format!("{fetched} EXCEPT {seed}"), format!("{seed} EXCEPT {fetched}")] {
        assert_eq!(query_csv(&desk, &format!("SELECT count(*) AS n FROM ({differing})")), "n\n0\n");
    }
    let seen = query_csv(
        &desk,
        "SELECT count(*) > 1000 AS many FROM instance_type_history WHERE run_id LIKE 'snapshot%'",
    );
    assert_eq!(seen, "many\ntrue\n");
    // The same answer is reported as unchanged and adds rows only to the log.
    let rows = query_csv(&desk, "SELECT count(*) AS n FROM offering_history");
    let again = collector(&desk, &serving, &words).expect_success();
    assert!(again.contains("offering,us-east-1,unchanged,"), "{again}");
    assert_eq!(query_csv(&desk, "SELECT count(*) AS n FROM offering_history"), rows);
    // Answers name their sources. The tests' usual instant is before this machine's clock.
    let words = ["search", "m7i.xlarge", "--region", "us-east-1", "--verbose"];
    let sources = run_command(desk.command("truffle", &words).env("MYCELIUM_NOW", "2100-01-01T00:00:00Z"));
    assert!(sources.err.contains("from AWS ec2:DescribeInstanceTypes"), "{sources:?}");
}

#[test]
fn spot_prices_continue_from_the_end_of_the_last_snapshot() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let words = ["snapshot", "spot_price", "--region", "us-east-1", "-o", "csv"];
    let first = collector(&desk, &serving, &words).expect_success();
    assert!(first.contains("spot_price,us-east-1,complete,"), "{first}");
    let rows = query_csv(&desk, "SELECT count(*) AS n FROM spot_price");
    assert_ne!(rows, "n\n0\n");
    collector(&desk, &serving, &words).expect_success();
    let doubled = "SELECT count(*) AS n FROM (SELECT 1 FROM spot_price
        GROUP BY instance_type, az_id, product, observed_at, price_per_hour HAVING count(*) > 1)";
    assert_eq!(query_csv(&desk, doubled), "n\n0\n");
}

#[test]
fn a_refused_call_is_a_gap_and_the_rest_is_collected() {
    let desk = Desk::default();
    let serving = serve(
        &desk,
        "failures:\n  - {call: DescribeVolumes, how: {refused: {code: UnauthorizedOperation, status: 403}}}\n",
    );
    let words = ["snapshot", "volume", "address", "--region", "us-east-1", "-o", "csv"];
    let told = collector(&desk, &serving, &words).expect_success();
    assert!(told.contains("volume,000000000001/us-east-1,failed,0,"), "{told}");
    assert!(told.contains("ec2:DescribeVolumes is not allowed: add it to the policy"), "{told}");
    assert!(told.contains("address,000000000001/us-east-1,empty,0,"), "{told}");
    let gaps =
        query_csv(&desk, "SELECT len(gaps) AS n, outcome FROM collection_run WHERE dataset = 'volume'");
    assert_eq!(gaps, "n,outcome\n1,failed\n");
    let status = desk.collector(&["status", "volume", "--all", "-o", "csv"]).expect_success();
    assert!(status.contains("volume,000000000001/us-east-1,failed,"), "{status}");
    let policy = collector(&desk, &serving, &["policy", "volume"]).expect_success();
    assert!(
        policy.contains("\"ec2:DescribeVolumes\"") && policy.contains("\"ec2:DescribeRegions\""),
        "{policy}"
    );
}

#[test]
fn two_profiles_of_one_account_are_one_account() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let (id, secret) = (serving.value("AWS_ACCESS_KEY_ID"), serving.value("AWS_SECRET_ACCESS_KEY"));
    let folder = desk.home().join(".aws");
    fs::create_dir(&folder).unwrap();
    let profile =
        |name: &str| format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(folder.join("credentials"), profile("one") + &profile("other")).unwrap();
    let mut command =
        desk.command("collector", &["snapshot", "quota", "--account", "one,other", "--region", "us-east-1"]);
    command.env("AWS_ENDPOINT_URL", serving.value("AWS_ENDPOINT_URL")).args(["-o", "csv"]);
    let told = run_command(&mut command).expect_success();
    assert!(told.contains("complete") && told.contains("unchanged"), "{told}");
    assert_eq!(query_csv(&desk, "SELECT count(DISTINCT account_id) AS n FROM quota"), "n\n1\n");
    let doubled = "SELECT count(*) AS n FROM (SELECT 1 FROM quota GROUP BY quota_code HAVING count(*) > 1)";
    assert_eq!(query_csv(&desk, doubled), "n\n0\n");
}

#[test]
fn without_credentials_snapshot_gives_a_hint_and_writes_nothing() {
    let desk = Desk::default();
    let mut command = desk.command("collector", &["snapshot", "instance"]);
    let failed = run_command(command.env("AWS_EC2_METADATA_DISABLED", "true"));
    assert_eq!(failed.code, 1);
    assert!(failed.err.starts_with("error: no AWS credentials were found"), "{failed:?}");
    assert!(failed.err.contains("--account"), "{failed:?}");
    assert!(!desk.home().join(".local/share/mycelium").exists());
    assert_eq!(desk.collector(&["status"]).code, 3);
}

/// Paths and the bytes served at them.
type Files = Vec<(String, Vec<u8>)>;

/// A server of public files on loopback, with a log of the requested paths.
pub(crate) struct Mirror {
    pub(crate) url: String,
    files: Arc<Mutex<Files>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    pub(crate) fn start(files: &[(&str, String)]) -> Mirror {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files: Files =
            files.iter().map(|(path, text)| (path.to_string(), text.clone().into_bytes())).collect();
        let (files, asked) = (Arc::new(Mutex::new(files)), Arc::new(Mutex::new(Vec::new())));
        let (served, noted) = (files.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &served.lock().unwrap(), &mut noted.lock().unwrap());
            }
        });
        Mirror { url, files, asked }
    }

    pub(crate) fn replace(&self, path: &str, bytes: Vec<u8>) {
        let mut files = self.files.lock().unwrap();
        files.retain(|(known, _)| known != path);
        files.push((path.into(), bytes));
    }

    fn count_requests(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

/// Answers one request. The ETag is the length, which tells the versions here apart.
fn answer(mut stream: TcpStream, files: &Files, asked: &mut Vec<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        lines.push(line.trim().to_string());
    }
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_string();
    let known =
        lines.iter().find_map(|line| line.to_lowercase().strip_prefix("if-none-match: ").map(String::from));
    asked.push(path.clone());
    let head = "Date: Mon, 23 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n";
    let (status, body) = match files.iter().find(|(name, _)| *name == path) {
        None => ("404 Not Found", &[][..]),
        Some((_, body)) if known == Some(format!("\"{}\"", body.len())) => ("304 Not Modified", &[][..]),
        Some((_, body)) => ("200 OK", &body[..]),
    };
    // A file that begins with `cut:` announces more bytes than it has.
    let promised = if body.starts_with(b"cut:") { body.len() + 1000 } else { body.len() };
    let body = body.strip_prefix(b"cut:").unwrap_or(body);
    let head =
        format!("HTTP/1.1 {status}\r\n{head}ETag: \"{}\"\r\nContent-Length: {promised}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = reader.read_to_end(&mut Vec::new());
}

const PRICES: &str = "/pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2";

fn region_index(version: &str) -> String {
    format!(
        r#"{{"formatVersion": "v1.0", "regions": {{"us-east-1": {{"regionCode": "us-east-1",
        "currentVersionUrl": "/offers/v1.0/aws/AmazonEC2/{version}/us-east-1/index.json"}}}}}}"#
    )
}

fn price_list(version: &str, date: &str, price: &str) -> String {
    let header = "SKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,LeaseContractLength,\
        PurchaseOption,OfferingClass,Product Family,Instance Type,Tenancy,Operating System,License Model,\
        CapacityStatus,MarketOption,Pre Installed S/W,Region Code";
    let row = format!(
        "A,JRT,OnDemand,{date},Hrs,{price},USD,,,,Compute Instance,m7i.xlarge,Shared,Linux,\
        No License required,Used,OnDemand,NA,us-east-1"
    );
    format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"none\"\n\"Publication Date\",\"{date}T00:00:00Z\"\n\
        \"Version\",\"{version}\"\n\"OfferCode\",\"AmazonEC2\"\n{header}\n{row}\n"
    )
}

fn collect_from_mirror(desk: &Desk, mirror: &Mirror, words: &[&str]) -> Ran {
    run_command(desk.command("collector", words).env("MYCELIUM_MIRROR", &mirror.url))
}

#[test]
fn each_published_price_list_is_fetched_once() {
    let desk = Desk::default();
    let versions = r#"{"versions": {
        "20260101": {"versionEffectiveBeginDate": "2026-01-01T00:00:00Z", "versionEffectiveEndDate": "2026-10-01T00:00:00Z"},
        "20261001": {"versionEffectiveBeginDate": "2026-10-01T00:00:00Z", "versionEffectiveEndDate": ""}}}"#;
    let mirror = Mirror::start(&[
        (&format!("{PRICES}/index.json"), versions.into()),
        (&format!("{PRICES}/current/region_index.json"), region_index("20261001")),
        (&format!("{PRICES}/20260101/region_index.json"), region_index("20260101")),
        (
            &format!("{PRICES}/20261001/us-east-1/index.csv"),
            price_list("20261001", "2026-10-01", "0.1900000000"),
        ),
        (
            &format!("{PRICES}/20260101/us-east-1/index.csv"),
            price_list("20260101", "2026-01-01", "0.2500000000"),
        ),
    ]);
    let words = ["snapshot", "price", "--region", "us-east-1", "-o", "csv"];
    let told = collect_from_mirror(&desk, &mirror, &words).expect_success();
    assert!(
        told.contains("price,us-east-1,complete,1,1,") && told.contains(",2026-10-01T00:00:00Z,"),
        "{told}"
    );
    let again = collect_from_mirror(&desk, &mirror, &words).expect_success();
    assert!(again.contains("price,us-east-1,unchanged,1,"), "{again}");
    assert_eq!(mirror.count_requests("/20261001/us-east-1/index.csv"), 1);
    let past = [&words[..], &["--as-of", "2026-05-05"]].concat();
    collect_from_mirror(&desk, &mirror, &past).expect_success();
    // The past list is stored already, and it does not change the current prices.
    let again = collect_from_mirror(&desk, &mirror, &past).expect_success();
    assert!(again.contains("price,us-east-1,unchanged,1,0,0,"), "{again}");
    assert!(again.contains(",2026-01-01T00:00:00Z,"), "{again}");
    assert_eq!(mirror.count_requests("/20260101/us-east-1/index.csv"), 1);
    let prices = query_csv(
        &desk,
        "SELECT price_per_hour, valid_from, valid_until FROM price_history
        WHERE run_id LIKE 'snapshot%' ORDER BY valid_from",
    );
    let expected = "price_per_hour,valid_from,valid_until\n0.25,2026-01-01T00:00:00Z,2026-10-01T00:00:00Z\n\
        0.19,2026-10-01T00:00:00Z,\n";
    assert_eq!(prices, expected);
    let before = [&words[..], &["--as-of", "2017-01-01"]].concat();
    let failed = collect_from_mirror(&desk, &mirror, &before);
    assert!(failed.code == 1 && failed.err.contains("no price list that was in force at"), "{failed:?}");
}

/// A list of 2018, with locations in the place of region codes.
fn price_list_of_2018(version: &str, published: &str, price: &str) -> String {
    price_list(version, published, price)
        .replace(
            ",CapacityStatus,MarketOption,Pre Installed S/W,Region Code",
            ",CapacityStatus,Pre Installed S/W,Location",
        )
        .replace(",Used,OnDemand,NA,us-east-1", ",Used,NA,\"US East (N. Virginia)\"")
        .replace("m7i.xlarge", "c5.xlarge")
}

#[test]
fn prices_of_the_past_go_back_to_may_2018() {
    let desk = Desk::default();
    // AWS published the list of May in June.
    let versions = r#"{"versions": {
        "20180607191619": {"versionEffectiveBeginDate": "2018-05-01T00:00:00Z", "versionEffectiveEndDate": "2018-06-01T00:00:00Z"},
        "20180726190848": {"versionEffectiveBeginDate": "2018-06-01T00:00:00Z", "versionEffectiveEndDate": "2018-07-01T00:00:00Z"}}}"#;
    let list = |version: &str| format!("{PRICES}/{version}/us-east-1/index.csv");
    let index = |version: &str| format!("{PRICES}/{version}/region_index.json");
    let mirror = Mirror::start(&[
        (&format!("{PRICES}/index.json"), versions.into()),
        (&index("20180607191619"), region_index("20180607191619")),
        (&index("20180726190848"), region_index("20180726190848")),
        (&list("20180607191619"), price_list_of_2018("20180607191619", "2018-06-07", "0.1700000000")),
        (&list("20180726190848"), price_list_of_2018("20180726190848", "2018-07-26", "0.1650000000")),
    ]);
    let snapshot = |day: &str| {
        let words = ["snapshot", "price", "--region", "N. Virginia", "--as-of", day, "-o", "csv"];
        collect_from_mirror(&desk, &mirror, &words).expect_success()
    };
    let price = |day: &str| {
        let words = ["query", "price/options", "--param", "type=c5.xlarge", "--as-of", day, "-o", "csv"];
        let words = [&words[..], &["--columns", "price_per_hour,currency"]].concat();
        desk.truffle(&words).expect_success()
    };
    let told = snapshot("2018-05-02");
    assert!(told.contains("price,us-east-1,complete,1,1,"), "{told}");
    assert_eq!(price("2018-05-02"), "price_per_hour,currency\n0.17,USD\n");
    snapshot("2018-06-15");
    assert_eq!(price("2018-05-31"), "price_per_hour,currency\n0.17,USD\n");
    assert_eq!(price("2018-06-15"), "price_per_hour,currency\n0.165,USD\n");
    assert!(snapshot("2018-05-20").contains("price,us-east-1,unchanged,1,0,0,"));
    assert_eq!(mirror.count_requests(&list("20180607191619")), 1);
}

#[test]
fn a_broken_download_publishes_nothing() {
    let desk = Desk::default();
    let list = format!("{PRICES}/20261001/us-east-1/index.csv");
    let mirror = Mirror::start(&[(&format!("{PRICES}/current/region_index.json"), region_index("20261001"))]);
    let words = ["snapshot", "price", "--region", "us-east-1"];
    let whole = price_list("20261001", "2026-10-01", "0.1900000000");
    let check = |bytes: Vec<u8>, part: &str| {
        mirror.replace(&list, bytes);
        let failed = collect_from_mirror(&desk, &mirror, &words);
        assert!(failed.code == 1 && failed.err.contains("nothing could be read"), "{failed:?}");
        assert!(failed.err.contains(part), "{failed:?}");
        let status = desk.collector(&["status", "price", "--all", "-o", "csv"]).expect_success();
        assert!(status.contains("price,us-east-1,failed,"), "{status}");
        assert_eq!(
            query_csv(&desk, "SELECT count(*) AS n FROM price_history WHERE run_id LIKE 'snapshot%'"),
            "n\n0\n"
        );
    };
    check([b"cut:", whole.as_bytes()].concat(), "/us-east-1/index.csv");
    check(whole.as_bytes()[..whole.len() - 5].to_vec(), "cut short");
    check(b"<html>a captive portal</html>".to_vec(), "/us-east-1/index.csv");
    // A region without a list does not prevent the import of the other.
    mirror.replace(&list, whole.into_bytes());
    let both = ["snapshot", "price", "--region", "eu-west-1,us-east-1", "-o", "csv"];
    let told = collect_from_mirror(&desk, &mirror, &both).expect_success();
    assert!(told.contains("price,us-east-1,complete,1,"), "{told}");
    assert!(told.contains("AWS publishes no price for eu-west-1"), "{told}");
}

#[test]
fn each_change_of_the_advisor_is_stored() {
    let desk = Desk::default();
    let advice = |range: i64, saving: i64| {
        format!(
            r#"{{"ranges": [{{"index": 0, "label": "<5%"}}, {{"index": 1, "label": "5-10%"}}],
            "spot_advisor": {{"us-east-1": {{"Linux": {{"m7i.xlarge": {{"s": {saving}, "r": {range}}}}}}}}}}}"#
        )
    };
    let file = "/spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json";
    let mirror = Mirror::start(&[(file, advice(0, 70))]);
    let words = ["snapshot", "interruption", "-o", "csv"];
    assert!(collect_from_mirror(&desk, &mirror, &words).expect_success().contains("us-east-1,complete,1,"));
    assert!(collect_from_mirror(&desk, &mirror, &words).expect_success().contains("us-east-1,unchanged,1,"));
    mirror.replace(file, advice(1, -15).into_bytes());
    assert!(collect_from_mirror(&desk, &mirror, &words).expect_success().contains("us-east-1,complete,1,"));
    assert_eq!(query_csv(&desk, "SELECT saving_percent FROM interruption"), "saving_percent\n-15\n");
}

#[test]
fn public_spot_prices_are_compared_with_zone_prices() {
    let desk = Desk::default();
    let feed = |price: &str| {
        format!(
            r#"{{"config": {{"rate": "perhr", "regions": [{{"region": "us-east", "instanceTypes": [{{"sizes": [
            {{"size": "m7i.xlarge", "valueColumns": [{{"name": "linux", "prices": {{"USD": "{price}"}}}}]}}]}}]}}]}}}}"#
        )
    };
    let file = "/website.spot.ec2.aws.a2z.com/spot.json";
    let mirror = Mirror::start(&[(file, feed("0.0700"))]);
    let words = ["snapshot", "spot_feed", "-o", "csv"];
    assert!(
        collect_from_mirror(&desk, &mirror, &words)
            .expect_success()
            .contains("spot_feed,us-east-1,complete,1,")
    );
    assert!(
        collect_from_mirror(&desk, &mirror, &words)
            .expect_success()
            .contains("spot_feed,us-east-1,unchanged,1,")
    );
    let zones = "observed_at,instance_type,region,az_id,spot_usd\n\
        2026-11-01T00:00:00Z,m7i.xlarge,us-east-1,use1-az1,0.0600\n\
        2026-11-01T00:00:00Z,m7i.xlarge,us-east-1,use1-az2,0.0800\n";
    let path = desk.home().join("zones.csv");
    fs::write(&path, zones).unwrap();
    desk.collector(&["import", "spot-history", path.to_str().unwrap()]).expect_success();
    let check = |expected: &str| {
        let words = ["query", "spot/cross-check", "--param", "type=m7i.xlarge", "--as-of", "2100-01-01"];
        let found = desk.truffle(&[&words[..], &["-o", "csv", "-q"]].concat()).expect_success();
        assert!(found.lines().nth(1).is_some_and(|line| line.starts_with(expected)), "{found}");
    };
    check("us-east-1,linux,0.07,0.06,0.08,2,true,USD,");
    mirror.replace(file, feed("0.10500").into_bytes());
    collect_from_mirror(&desk, &mirror, &words).expect_success();
    check("us-east-1,linux,0.105,0.06,0.08,2,false,USD,");
}

#[test]
fn watch_repeats_until_it_is_stopped() {
    let desk = Desk::default();
    let advice = r#"{"ranges": [{"index": 0, "label": "<5%"}],
        "spot_advisor": {"us-east-1": {"Linux": {"m7i.xlarge": {"s": 70, "r": 0}}}}}"#;
    let file = "/spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json";
    let mirror = Mirror::start(&[(file, advice.into())]);
    let mut command = desk.command("collector", &["watch", "--every", "1s", "interruption", "-q"]);
    let mut child = command.env("MYCELIUM_MIRROR", &mirror.url).stdout(Stdio::null()).spawn().unwrap();
    while mirror.count_requests("spot-advisor-data.json") < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let told = query_csv(
        &desk,
        "SELECT outcome, count(*) > 0 AS some FROM collection_run WHERE run_id LIKE 'snapshot%'
        GROUP BY outcome ORDER BY outcome",
    );
    assert_eq!(told, "outcome,some\ncomplete,true\nunchanged,true\n");
}

#[test]
fn wrong_arguments_are_reported() {
    let desk = Desk::default();
    let check = |words: &[&str], part: &str| {
        let found = desk.collector(&[&["snapshot"], words].concat());
        assert_eq!(found.code, 2, "{found:?}");
        assert!(found.err.contains(part), "{found:?}");
    };
    check(&["prices"], "the closest match is price");
    check(&["benchmark"], "there is no dataset \"benchmark\" to collect");
    check(&["price", "--since", "30d"], "--since applies only to spot_price, charge and utilization");
    check(&["--since", "30d"], "--since applies only to spot_price, charge and utilization");
    check(&["zone", "--by", "service"], "--by applies only to charge");
    check(
        &["charge", "--by", "services"],
        "--by \"services\" is not a dimension of costs; the closest match is service",
    );
    check(&["charge", "--by", "service,region,zone"], "at most two dimensions");
    check(&["charge", "--requests", "0"], "0 is not in 1..");
    check(&["placement_score"], "placement_score needs instance types, named with --type");
    check(&["capacity_block", "--type", "p5"], "p5");
    check(
        &["price", "--type", "m7i.large", "--as-of", "2024-01-01"],
        "--type reads current prices of single types",
    );
    check(
        &["spot_price", "--type", "m7i.large"],
        "--type applies only to price, placement_score and capacity_block",
    );
    check(&["spot_price", "--since", "200d"], "within the 90 days that AWS keeps");
    check(&["zone", "--as-of", "2024-01-01"], "--as-of applies only to price");
    check(&["price", "--as-of", "then"], "--as-of \"then\" is not a time");
    check(&["zone", "--region", "all,us-east-1"], "--region cannot combine all with named regions");
    check(&["zone", "--region", "US East"], "US East");
    check(&["price", "--account", "work"], "the requested datasets are public files");
    let found = desk.collector(&["watch", "charge"]);
    assert!(found.code == 2 && found.err.contains("charge costs money in every round"), "{found:?}");
    let found = desk.collector(&["watch", "--every", "often"]);
    assert!(found.code == 2 && found.err.contains("expected one such as 15m"), "{found:?}");
}
