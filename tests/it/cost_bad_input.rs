//! Bad and thin input of the commands about costs: the sentence, the exit code and the next step.

use std::fs;

use tests::{Desk, Ran, run_command};

use crate::costs::{EARLY, focus, import};

/// A command line, its exit code, its sentence and the next step that it names.
type BadRequest = (&'static str, i32, &'static str, &'static str);

#[track_caller]
fn check(desk: &Desk, requests: &[BadRequest]) {
    for (line, code, sentence, next) in requests {
        let ran = desk.truffle(&line.split(' ').collect::<Vec<_>>());
        check_answer(line, &ran, *code, sentence, next);
    }
}

#[track_caller]
fn check_answer(line: &str, ran: &Ran, code: i32, sentence: &str, next: &str) {
    assert_eq!(ran.code, code, "{line}: {ran:?}");
    assert!(ran.err.contains(sentence), "{line}: {ran:?}");
    assert!(ran.err.contains(next), "{line}: {ran:?}");
}

/// Returns a home with this file of a source imported.
fn desk_with(text: &str, words: &[&str]) -> Desk {
    let desk = Desk::default();
    fs::write(desk.home().join("bill"), text).unwrap();
    let import = ["import", words[0], "bill", "-q"];
    desk.collector(&[&import, &words[1..]].concat()).expect_success();
    desk
}

const HELP: &str = "--help";

#[test]
fn without_a_bill_each_command_names_the_import() {
    let next = "collector import FILE";
    let desk = Desk::default();
    check(
        &desk,
        &[
            ("cost", 4, "not collected yet: charges", next),
            ("forecast --horizon 18m", 4, "not collected yet: charges", next),
            ("trends --by week", 4, "not collected yet: charges", next),
            ("anomalies", 4, "not collected yet: charges", next),
            ("anomalies mark 0123456789ab yes", 4, "not collected yet: charges", next),
            ("calendar", 4, "not collected yet: charges", next),
            ("report --html page.html", 4, "not collected yet: charges", next),
            ("alerts", 4, "not collected yet: charges", next),
            ("budget check", 0, "no budgets in", "truffle budget set all --amount 1000"),
            ("budget check all", 2, "there is no budget all", "truffle budget list"),
            ("budget remove all", 2, "there is no budget all", "truffle budget list"),
            ("budget check --file gone.toml", 2, "gone.toml does not exist", "check the path"),
            ("alerts --budgets gone.toml", 2, "gone.toml does not exist", "check the path"),
            ("plan list", 0, "no plans in", "truffle plan set --help"),
            ("plan remove gpu", 2, "there is no plan gpu", "truffle plan list"),
            ("budget set all --amount 1", 0, "set budget all", "truffle budget check all"),
            ("budget check", 4, "budget all could not be seen: not collected yet", "truffle status"),
            ("alerts", 4, "budgets that could not be seen: 1", "truffle status"),
        ],
    );
    assert!(!desk.home().join("page.html").exists());
}

#[test]
fn budgets_and_plans_that_mean_nothing_are_not_written() {
    let desk = Desk::default();
    let set = "truffle budget set NAME";
    check(
        &desk,
        &[
            ("budget set a", 2, "--amount <AMOUNT>|--percent-of-last <PERCENT>", HELP),
            ("budget set a --amount cheap", 2, "invalid value 'cheap' for '--amount <AMOUNT>'", HELP),
            ("budget set a --amount -1", 2, "budget a: the amount -1 is below 0", set),
            ("budget set a --amount 1 --percent-of-last 5", 2, "cannot be used with", HELP),
            ("budget set a --percent-of-last 0", 2, "0 percent of the last period is not between", set),
            ("budget set a --amount 1 --actual 0", 2, "a threshold of 0 percent is not between", set),
            ("budget set a --amount 1 --currency usd", 2, "\"usd\" is not a currency code", set),
            ("budget set a --amount 1 --period fortnight", 2, "invalid value 'fortnight'", "month"),
            ("budget set a.b --amount 1", 2, "\"a.b\" is not a valid name", "truffle budget set"),
            ("budget set a --amount 1 --filter S3", 2, "is not of the form DIMENSION=VALUE", "service="),
            ("budget set a --amount 1 --filter servce=S3", 2, "the closest match is service", "dimensions"),
            (
                "budget set a --amount 1 --filter tag:a=1 --filter tag:b=2",
                2,
                "filter has a second tag",
                "filter by one tag",
            ),
            ("plan set a --starts-on 2026-12-01", 2, "--cost-per-day <AMOUNT>", HELP),
            (
                "plan set a --cost-per-day 1 --starts-on 2026-02-29",
                2,
                "plan a: starts_on 2026-02-29 is not a day",
                "write a day such as",
            ),
            (
                "plan set a --cost-per-day -1 --starts-on 2026-12-02 --ends-on 2026-12-01",
                2,
                "plan a: ends_on 2026-12-01 is before starts_on",
                "leave ends_on out",
            ),
            (
                "plan set a --cost-per-day 1 --starts-on 2026-12-02 --filter service",
                2,
                "is not of the form DIMENSION=VALUE",
                "service=",
            ),
        ],
    );
    assert!(!desk.home().join(".config").exists(), "a refused budget or plan is written");
}

#[test]
fn bad_requests_about_bills_name_the_flag_the_value_and_the_next_step() {
    let desk = Desk::default();
    EARLY.iter().for_each(|statement| import(&desk, statement));
    let day = "write a day such as 2026-11-23";
    check(
        &desk,
        &[
            ("cost --month 2026-13", 2, "--month \"2026-13\" is not a month", "write a month"),
            ("cost --month 2027-01", 2, "--month 2027-01 is in the future", "2026-11 or an earlier month"),
            ("cost --month 2026-05", 4, "not collected yet: charges of 2026-05", "collector import FILE"),
            ("cost --through 2026-11-24", 2, "--through 2026-11-24 is in the future", "2026-11-23"),
            ("cost --through 2026-02-29", 2, "--through \"2026-02-29\" is not a day", day),
            ("cost --by servce", 2, "the closest match is service", "the dimensions are account"),
            ("cost --by=", 2, "--by \"\" is not a dimension", "the dimensions are account"),
            ("cost --by service,service", 2, "--by has service twice", "name each dimension once"),
            ("cost --by tag:team,owner", 2, "--by has a second tag: owner", "ask once for each tag"),
            ("cost --by tag:teams", 2, "no charge has a tag for tag:teams (teams)", "team"),
            ("cost --by owner", 2, "no charge has a tag for owner (spawn:owner)", "team"),
            ("cost --by type", 4, "not collected: the bills state no usage_type", "a report of AWS"),
            ("cost --metric net_cost", 2, "invalid value 'net_cost'", "billed_cost, effective_cost"),
            ("cost --as-of 2026-01-01", 4, "no bill was known by 2026-01-01", "choose --as-of"),
            ("forecast --level 0", 2, "0 is not in 51..=99", HELP),
            ("forecast --level 80,100", 2, "100 is not in 51..=99", HELP),
            ("forecast --level 101", 2, "101 is not in 51..=99", HELP),
            ("forecast --horizon 0", 2, "\"0\" is not a number of months from 1m to 36m", HELP),
            ("forecast --horizon 37m", 2, "\"37m\" is not a number of months", HELP),
            ("forecast --through 2026-07-31", 3, "before the first day of the bills", "2026-08-01"),
            ("forecast --file gone.toml", 2, "gone.toml does not exist", "check the path"),
            ("trends --compare soon", 2, "--compare \"soon\" is neither a month nor a day", "2026-10"),
            ("trends --compare 2026-11-05", 2, "from 2026-11-01 is not an earlier one", "a day before"),
            ("trends --compare 2026-05", 4, "not collected: charges of 2026-05-01", "2026-08-01"),
            ("trends --through 2026-08-15", 4, "charges of 2026-07-01", "a later --through"),
            ("anomalies --per-year 0", 2, "--per-year 0 is not above 0", "--per-year 1"),
            ("anomalies --min-impact -1", 2, "--min-impact -1 is below 0", "--min-impact 0"),
            ("anomalies --file gone.toml", 2, "gone.toml does not exist", "check the path"),
            ("anomalies mark 000000000000 no", 3, "there is no anomaly", "truffle anomalies -o csv"),
            ("anomalies mark 000000000000 maybe", 2, "invalid value 'maybe'", "yes, no, planned"),
            ("calendar --months 25", 2, "25 is not in 1..=24", HELP),
            ("calendar --filter service=S4", 3, "no match: no charge matches service=S4", "complete through"),
            ("calendar --svg gone/c.svg", 2, "gone/c.svg cannot be written", "a folder that exists"),
            ("report --html gone/p.html", 2, "gone/p.html cannot be written", "a folder that exists"),
            ("report --html .", 2, ". cannot be written: Is a directory", "a folder that exists"),
            ("report", 2, "--html <FILE>", HELP),
            ("budget set none --amount 0 --actual 100", 0, "set budget none", "truffle budget check none"),
            ("budget check none", 6, "newest usage in the bills", ""),
            ("budget set gone --amount 5 --filter service=S4", 0, "set budget gone", "budget check gone"),
            ("budget check gone", 4, "no charge matches the filter", "truffle status"),
        ],
    );
}

#[test]
fn files_that_a_person_wrote_wrongly_are_named() {
    let desk = Desk::default();
    EARLY.iter().for_each(|statement| import(&desk, statement));
    let write = |name: &str, text: &str| fs::write(desk.home().join(name), text).unwrap();
    write("form.toml", "[all]\namount = 1\nactual_percent = [100]\ncolour = 1\n");
    write("form-of-plans.toml", "[[plans]]\nstarts_on = 2026-12-01\ncost_per_day = 1\n");
    write("ended.toml", "[[plan]]\nstarts_on = 2026-12-02\nends_on = 2026-12-01\ncost_per_day = 1\n");
    let both = "[[plan]]\nstarts_on = 2026-11-20\nends_on = 2026-11-20\ncost_per_day = 1\n";
    write("twice.toml", &both.repeat(2));
    write("theirs.toml", "[a]\namount = 1\nactual_percent = [100]\nfilter = [\"center=1\"]\n");
    write("marks.toml", "[[a1]]\nanswer = \"perhaps\"\n");
    check(
        &desk,
        &[
            (
                "budget check --file form.toml",
                2,
                "form.toml cannot be read: unknown field",
                "repair the file",
            ),
            ("budget check --file theirs.toml", 4, "filter \"center\" is not a dimension", "truffle status"),
            ("forecast --file form-of-plans.toml", 2, "expected [[plan]]", "a plan is [[plan]]"),
            ("forecast --file ended.toml", 2, "ends_on 2026-12-01 is before starts_on", "leave ends_on out"),
            ("anomalies --file marks.toml", 2, "marks.toml cannot be read", "repair the file"),
            ("forecast --file twice.toml", 0, "plan: all costs: USD +1.00 a day", "complete through"),
        ],
    );
    // Plans of the same day add up.
    let total = |words: &[&str]| -> f64 {
        let words = [&["forecast", "--columns", "total_cost", "-o", "csv"], words].concat();
        desk.truffle(&words).expect_success().lines().nth(1).unwrap().parse().unwrap()
    };
    let added = total(&["--file", "twice.toml"]) - total(&[]);
    assert!((added - 2.0).abs() < 1e-6, "{added}");
}

#[test]
fn thin_and_odd_bills_are_answered_with_their_limits() {
    let half = Desk::default();
    import(&half, &("nov.csv", "2026-11", 15, 1, "2026-11-23"));
    let too_few = "no error and no interval are known";
    check(
        &half,
        &[
            ("cost", 0, "the month before is not collected", "the newest 2 days may lack charges"),
            ("forecast", 0, too_few, "complete through 2026-11-13"),
            ("trends", 4, "not collected: charges of 2026-10-01", "the bills begin on 2026-11-01"),
            ("anomalies", 4, "need more than 28 days of costs; the bills have 13", "collector import FILE"),
            ("alerts", 4, "need more than 28 days of costs; the bills have 13", "collector import FILE"),
            ("calendar", 0, "the newest 2 days may lack charges", "newest usage in the bills"),
        ],
    );

    let bill = fs::read_to_string(focus(&half, "oct.csv", "2026-10", 31, 1)).unwrap();
    let euros = bill.replace(",USD,", ",EUR,");
    let both = format!("{bill}{}", euros.split_once('\n').unwrap().1);
    let two = desk_with(&both, &["focus", "--observed-at", "2026-11-04"]);
    let plan = "plan set a --cost-per-day 1 --starts-on 2026-11-05";
    check(
        &two,
        &[
            ("cost", 0, "2026-10: EUR", "2026-10: USD"),
            ("calendar --svg c.svg", 2, "--svg draws one currency, and the charges have 2", "report --html"),
            ("budget set all --amount 1", 0, "set budget all", "budget check all"),
            ("budget check --through 2026-10-31", 4, "several currencies (EUR, USD)", "choose --currency"),
            (plan, 0, "set plan a", "truffle forecast"),
            ("forecast", 2, "a plan has no currency, and the bills have several", "EUR, USD"),
        ],
    );

    let credits = bill.replace(",Usage,Usage-Based,EC2", ",Credit,Usage-Based,EC2").replace("\n1", "\n-1");
    let negative = desk_with(&credits, &["focus", "--observed-at", "2026-11-04"]);
    check(
        &negative,
        &[
            ("cost", 0, "2026-10: USD -", "complete through 2026-10-31"),
            ("forecast", 0, too_few, "complete through 2026-10-31"),
            ("budget set all --amount 0 --actual 100 --forecast 100", 0, "set budget all", ""),
            ("budget check --through 2026-10-31", 0, "newest usage in the bills", ""),
        ],
    );

    let leap = bill.replace("2026-10-01,2026-10-", "2024-02-01,2024-02-");
    let leap: String =
        leap.lines().filter(|line| !line.contains("-02-3")).map(|line| format!("{line}\n")).collect();
    let leap = desk_with(&leap, &["focus", "--observed-at", "2024-03-04"]);
    check(
        &leap,
        &[
            ("cost --through 2024-02-29", 0, "2024-02: USD", "complete through 2024-02-29"),
            ("cost --through 2024-02-30", 2, "--through \"2024-02-30\" is not a day", "write a day"),
            ("forecast --through 2024-02-28", 0, too_few, "complete through 2024-02-29"),
            ("trends --by day --through 2024-02-29", 0, "2024-02-29 against 2024-02-28", "complete through"),
        ],
    );

    let days = explored_days();
    let words = ["cost-explorer", "--account", "111122223333", "--observed-at", "2026-11-21"];
    let explored = desk_with(&days, &words);
    let stated = "days from Cost Explorer state their --by alone";
    check(
        &explored,
        &[
            ("cost --by region", 4, "the bills state no region_id", stated),
            ("forecast --by type", 4, "the bills state no usage_type", stated),
            ("anomalies --by account", 4, "the bills state no sub_account_id", stated),
            ("calendar --filter region=us-east-1", 4, "the bills state no region_id", stated),
            ("cost --by tag:team", 4, "not collected: the bills state no tags", stated),
        ],
    );
}

/// Days of one service, as `aws ce get-cost-and-usage` prints them.
fn explored_days() -> String {
    let day = |day: u32| {
        format!(
            r#"{{"TimePeriod":{{"Start":"2026-11-{day:02}","End":"2026-11-{:02}"}},"Total":{{}},"Groups":[{{
            "Keys":["Amazon S3"],"Metrics":{{"UnblendedCost":{{"Amount":"1.5","Unit":"USD"}}}}}}],
            "Estimated":false}}"#,
            day + 1
        )
    };
    let days: Vec<String> = (1..20).map(day).collect();
    format!(
        r#"{{"GroupDefinitions":[{{"Type":"DIMENSION","Key":"SERVICE"}}],"ResultsByTime":[{}]}}"#,
        days.join(",")
    )
}

#[test]
fn targets_of_alerts_without_a_usable_secret_are_refused_before_any_delivery() {
    let desk = Desk::default();
    let hook = "[[webhook]]\nname = \"team\"\nurl = \"https://example.org/hook\"\n";
    let private = hook.replace("https://example.org", "http://127.0.0.1:9");
    let secret = "secret = { env = \"SECRET\" }\n";
    let cases = [
        (hook.to_string(), "missing field `secret`"),
        (format!("{hook}secret = \"0123456789abcdef\"\n"), "secret is written in the file"),
        (format!("{hook}secret = {{ env = \"SHORT\" }}\n"), "its secret is shorter than 16 bytes"),
        (format!("{hook}secret = {{ env = \"UNSET\" }}\n"), "the variable UNSET is not set"),
        (format!("{private}{secret}"), "its url is not used, expected https://…"),
        ("[[pager]]\nname = \"team\"\n".to_string(), "unknown field `pager`"),
    ];
    for (text, sentence) in &cases {
        fs::write(desk.home().join("to.toml"), text).unwrap();
        let mut command = desk.command("collector", &["notify", "--to", "to.toml"]);
        let ran = run_command(command.env("SECRET", "0123456789abcdef").env("SHORT", "short"));
        check_answer(text, &ran, 2, sentence, "collector notify --help");
        assert!(!ran.err.contains("0123456789abcdef"), "{ran:?}");
    }
    let ran = desk.collector(&["notify", "--to", "gone.toml"]);
    check_answer("gone.toml", &ran, 2, "gone.toml: No such file", "collector notify --help");
}
