//! The programs on a new machine: no network, no settings, output into a pipe.

use std::fs;
use std::process::{Command, Stdio};

use tests::{Desk, executable_path, run_command};

#[test]
fn truffle_works_without_a_network() {
    let namespaces = Command::new("unshare").args(["-rn", "true"]).stderr(Stdio::null()).status();
    if !namespaces.is_ok_and(|status| status.success()) {
        eprintln!("skipped: network namespaces are not allowed here");
        return;
    }
    let desk = Desk::default();
    let file = desk.home().join("t.parquet");
    let to = file.to_string_lossy().into_owned();
    let check = |words: &[&str]| {
        let mut command = Command::new("unshare");
        let inside = desk.command("truffle", words);
        command
            .args(["-rn"])
            .arg(inside.get_program())
            .args(inside.get_args())
            .env_clear()
            .current_dir(desk.home());
        for (name, value) in inside.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        assert_eq!(run_command(&mut command).code, 0, "{words:?}");
    };
    check(&["search", "gpu"]);
    check(&["compare", "m7i.large", "m7g.large"]);
    check(&["show", "p5.48xlarge"]);
    check(&["regions"]);
    check(&["zones", "m7i.large"]);
    check(&["price", "m7i.large"]);
    check(&["price", "m7i.large", "--history"]);
    check(&["capacity", "m7i.large"]);
    check(&["query", "SELECT count(*) FROM offering"]);
    check(&["query", "price/per-gpu"]);
    check(&["schema"]);
    check(&["export", "price", "--to", &to]);
    check(&["save", "x", "gpu"]);
    check(&["saved", "x"]);
    check(&["bookmark", "m7i.large"]);
    check(&["status"]);
    check(&["version"]);
    check(&["completions", "bash"]);
}

#[test]
fn only_the_mycelium_beside_it_is_started() {
    let desk = Desk::default();
    let impostor = desk.home().join("bin");
    fs::create_dir(&impostor).unwrap();
    fs::copy("/bin/true", impostor.join("mycelium")).unwrap();
    let elsewhere = desk.home().join("alone");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(executable_path("collector"), elsewhere.join("collector")).unwrap();
    let alone =
        run_command(Command::new(elsewhere.join("collector")).arg("--version").env("PATH", &impostor));
    assert_eq!(alone.code, 1, "{alone:?}");
    assert!(alone.err.contains("install all executables of mycelium into one folder"), "{alone:?}");
    // Through a link, the mycelium beside the real file is started.
    std::os::unix::fs::symlink(executable_path("collector"), desk.home().join("link")).unwrap();
    let mut command = Command::new(desk.home().join("link"));
    let linked = run_command(command.arg("--version").env("HOME", desk.home()));
    assert!(linked.expect_success().starts_with("collector "));
}

#[test]
fn truffle_needs_no_other_executable() {
    let desk = Desk::default();
    fs::copy(executable_path("truffle"), desk.home().join("truffle")).unwrap();
    let mut command = Command::new(desk.home().join("truffle"));
    let alone = run_command(command.arg("version").env("HOME", desk.home()));
    assert!(alone.expect_success().starts_with("mycelium "));
}

#[test]
fn spawn_answers_help_and_completions_without_mycelium() {
    let desk = Desk::default();
    fs::copy(executable_path("spawn"), desk.home().join("spawn")).unwrap();
    let alone = |words: &[&str], completes: bool| {
        let mut command = Command::new(desk.home().join("spawn"));
        command.args(words).env_remove("COMPLETE").env("HOME", desk.home());
        if completes {
            command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "1").env("_CLAP_IFS", "\n");
        }
        run_command(&mut command)
    };
    for words in [&["--help"][..], &["help"], &["launch", "--help"], &["extend", "-h"], &["--version"]] {
        let whole =
            run_command(&mut desk.command("mycelium", &[&["spawn"], words].concat())).expect_success();
        assert_eq!(alone(words, false).expect_success(), whole, "{words:?}");
    }
    let offered = alone(&["--", "spawn", "te"], true).expect_success();
    assert_eq!(offered.trim(), "terminate");
    assert_eq!(alone(&["list"], false).code, 1, "the command itself needs mycelium");
}

#[test]
fn truffle_and_mycelium_truffle_are_the_same() {
    let desk = Desk::default();
    let words = ["search", "h200", "8gpu", "efa", "-o", "json"];
    let one = desk.truffle(&words);
    let other = run_command(&mut desk.command("mycelium", &[&["truffle"][..], &words].concat()));
    assert_eq!((one.code, &one.out, &one.err), (other.code, &other.out, &other.err));
    assert!(one.out.contains("\"p5en.48xlarge\""), "{one:?}");
}

#[test]
fn each_format_has_the_same_answer() {
    let desk = Desk::default();
    let answer = |format: &str| {
        let words =
            ["search", "m7g.large", "--columns", "instance_type,vcpus,on_demand_price", "-q", "-o", format];
        desk.truffle(&words).expect_success()
    };
    assert_eq!(answer("csv"), "instance_type,vcpus,on_demand_price\nm7g.large,2,0.0816\n");
    assert_eq!(
        answer("ndjson"),
        "{\"instance_type\":\"m7g.large\",\"vcpus\":2,\"on_demand_price\":0.0816}\n"
    );
    assert_eq!(answer("yaml"), "- instance_type: m7g.large\n  vcpus: 2\n  on_demand_price: 0.0816\n");
    let json: serde_json::Value = serde_json::from_str(&answer("json")).unwrap();
    assert_eq!(json[0]["on_demand_price"].to_string(), "0.0816");
    assert!(answer("table").contains("$0.0816"));
    for (format, mark) in [("parquet", &b"PAR1"[..]), ("arrow", b"ARROW1")] {
        let file = desk.home().join(format);
        let words = ["search", "m7g.large", "-q", "-o", format, "--out", &file.to_string_lossy()];
        desk.truffle(&words).expect_success();
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.starts_with(mark) && bytes.ends_with(mark), "{format}");
    }
}

#[test]
fn data_goes_to_stdout_and_messages_to_stderr() {
    let desk = Desk::default();
    let loud = desk.truffle(&["search", "m7g.large", "-o", "csv"]);
    assert!(loud.err.contains("us-east-1 · types"), "{loud:?}");
    assert!(loud.err.contains("month"), "the age of the prices is printed: {loud:?}");
    assert_eq!(loud.out.lines().count(), 2, "{loud:?}");
    let quiet = desk.truffle(&["search", "m7g.large", "-o", "csv", "-q"]);
    assert_eq!((quiet.out, quiet.err.as_str()), (loud.out, ""));
    assert!(
        !desk.truffle(&["search", "m7g.large", "--color", "auto"]).out.contains('\u{1b}'),
        "no colour in a pipe"
    );
}

#[test]
fn an_old_price_shows_its_month_and_an_unknown_one_is_null() {
    let desk = Desk::default();
    assert!(desk.truffle(&["search", "m7g.large"]).expect_success().contains("$0.0816 (2025-03)"));
    let young = ["search", "m7g.large"];
    let mut command = desk.command("truffle", &young);
    command.env("MYCELIUM_NOW", "2025-04-01");
    // The seed's types are newer than that day, so no type is known yet.
    assert_eq!(run_command(&mut command).code, 4);
    let unknown = desk.truffle(&["search", "h200", "-o", "ndjson", "-q", "--limit", "1"]).expect_success();
    assert!(unknown.contains("\"on_demand_price\":null"), "{unknown}");
    let ceiling = desk.truffle(&["search", "h200", "--max-price", "1000"]);
    assert_eq!(ceiling.code, 3, "{ceiling:?}");
    assert!(ceiling.err.contains("with an unknown value"), "{ceiling:?}");
}

#[test]
fn completions_know_the_users_own_ids() {
    let desk = Desk::default();
    desk.truffle(&["save", "cheap-gpus", "gpu", "cheapest"]).expect_success();
    let check = |words: &[&str], expected: &str| {
        let index = (words.len() - 1).to_string();
        let mut command = desk.command(words[0], &[&["--"][..], words].concat());
        command
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", index)
            .env("_CLAP_COMPLETE_COMP_TYPE", "9");
        command.env("_CLAP_IFS", "\n");
        let offered = run_command(&mut command).expect_success();
        assert!(offered.lines().any(|line| line.trim() == expected), "{words:?}: {offered}");
    };
    check(&["truffle", "sea"], "search");
    check(&["truffle", "show", "p5en.4"], "p5en.48xlarge");
    check(&["truffle", "search", "--region", "eu-cen"], "eu-central-1");
    check(&["truffle", "schema", "inst"], "instance_type");
    check(&["truffle", "saved", "ch"], "cheap-gpus");
    check(&["truffle", "search", "--hyper"], "--hypervisor");
    check(&["truffle", "query", "price/per"], "price/per-gpu");
    fs::write(desk.home().join("history.csv"), "").unwrap();
    check(&["collector", "import", "spot-h"], "spot-history");
    check(&["collector", "import", "hist"], "history.csv");
    check(&["collector", "snapshot", "inter"], "interruption");
    check(&["spawn", "launch", "p5en.4"], "p5en.48xlarge");
    check(&["spawn", "launch", "--on-expiry", "t"], "terminate");
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.truffle(&["completions", shell]).expect_success();
        assert!(script.contains("COMPLETE") && script.contains("collector"), "{shell}: {script}");
    }
}

#[test]
fn an_export_is_complete_and_replaces_a_file_only_on_request() {
    let desk = Desk::default();
    let to = |name: &str| desk.home().join(name).to_string_lossy().into_owned();
    let parquet = to("price.parquet");
    let dry = desk.truffle(&["export", "price", "--to", &parquet, "--dry-run"]);
    assert!(
        dry.err.contains("nothing was written") && !desk.home().join("price.parquet").exists(),
        "{dry:?}"
    );
    let written = desk.truffle(&["export", "price", "--to", &parquet]);
    assert!(written.err.starts_with("14295 rows, one file"), "{written:?}");
    assert_eq!(desk.truffle(&["export", "price", "--to", &parquet]).code, 2, "an existing file is kept");
    let before = fs::read(desk.home().join("price.parquet")).unwrap();
    let failed = desk.truffle(&["export", "--query", "SELECT nope", "--to", &parquet, "--replace"]);
    assert_eq!(failed.code, 2, "{failed:?}");
    assert_eq!(fs::read(desk.home().join("price.parquet")).unwrap(), before);
    let query = "SELECT region, instance_type, price_per_hour FROM price WHERE region LIKE 'eu-%'";
    desk.truffle(&["export", "--query", query, "--to", &to("eu"), "--partition-by", "region"])
        .expect_success();
    assert!(desk.home().join("eu/region=eu-west-1/part-0.parquet").exists());
    desk.truffle(&["export", "region", "--to", &to("region.csv")]).expect_success();
    assert_eq!(fs::read_to_string(desk.home().join("region.csv")).unwrap().lines().count(), 49);
    let left: Vec<String> = fs::read_dir(desk.home())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".tmp") || name.contains(".old"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failed_answer_leaves_the_existing_file() {
    let desk = Desk::default();
    let file = desk.home().join("answer.csv");
    let words = |sql: &'static str| ["query", sql, "-o", "csv", "--out", "answer.csv"];
    desk.truffle(&words("SELECT 1 AS one")).expect_success();
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\n1\n");
    assert_eq!(desk.truffle(&words("SELECT nope")).code, 2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\n1\n");
    assert_eq!(fs::read_dir(desk.home()).unwrap().count(), 2, "the answer and the cache");
}

#[test]
fn out_follows_a_link_and_writes_into_a_pipe() {
    let desk = Desk::default();
    let out = |name: &str| {
        desk.truffle(&["query", "SELECT 1 AS one", "-o", "csv", "-q", "--out", name]).expect_success()
    };
    fs::write(desk.home().join("real.csv"), "before").unwrap();
    std::os::unix::fs::symlink("real.csv", desk.home().join("link.csv")).unwrap();
    out("link.csv");
    assert!(desk.home().join("link.csv").is_symlink());
    assert_eq!(fs::read_to_string(desk.home().join("real.csv")).unwrap(), "one\n1\n");
    out("/dev/null");
    assert!(!std::path::Path::new("/dev/null").is_file());
    let pipe = desk.home().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    out("pipe");
    assert_eq!(reader.join().unwrap(), "one\n1\n");
}

#[test]
fn out_takes_plain_text_too() {
    let desk = Desk::default();
    let check = |words: &[&str], start: &str| {
        let said = desk.truffle(&[words, &["--out", "text"]].concat()).expect_success();
        let text = fs::read_to_string(desk.home().join("text")).unwrap();
        assert!(said.is_empty() && text.contains(start), "{words:?}: {said} {text}");
    };
    check(&["version"], "mycelium ");
    check(&["completions", "bash"], "COMPLETE");
    for words in [&["version"][..], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = desk.command("truffle", words).stdout(writer).output().unwrap();
        assert_eq!((closed.status.code(), &closed.stderr[..]), (Some(0), &b""[..]), "{words:?}");
    }
}

#[test]
fn every_answer_states_the_age_of_its_data() {
    let desk = Desk::default();
    let check = |words: &[&str], expected: Option<&str>| {
        let said = desk.truffle(&[&["query"], words].concat());
        let ages = said.err.lines().find(|line| line.contains(" old"));
        match (ages, expected) {
            (Some(ages), Some(expected)) => assert!(ages.contains(expected), "{words:?}: {ages}"),
            (ages, expected) => assert_eq!(ages, expected, "{words:?}"),
        }
    };
    check(&["SELECT count(*) FROM main.price_history"], Some("prices 20 to 33 months old"));
    check(&["price/per-gpu"], Some("us-east-1 · types"));
    check(&["SELECT 1"], None);
    fs::write(desk.home().join("named.sql"), "price/per-gpu\n").unwrap();
    check(&["--file", "named.sql", "--as-of", "2026-11-22"], Some("prices 20 to 33 months old"));
}

#[test]
fn the_footer_is_one_line_and_longer_with_verbose() {
    let desk = Desk::default();
    let footer = |words: &[&str]| desk.truffle(&[&["search", "m7g.large"], words].concat()).err;
    let short = footer(&[]);
    let way = "today's prices: collector snapshot price --region us-east-1";
    assert!(short.lines().count() == 2 && short.contains(" · prices 20 to 33 months old"), "{short}");
    assert!(short.contains(way) && short.contains("no account needed"), "{short}");
    let long = footer(&["--verbose"]);
    assert!(long.contains("region us-east-1") && long.contains("price from sparecores"), "{long}");
    for words in
        [&["schema", "--verbose"][..], &["query", "--list", "--verbose"], &["search", "-q", "--verbose"]]
    {
        assert_eq!(desk.truffle(words).code, 2, "{words:?}");
    }
}

#[test]
fn help_lists_the_columns_and_changes_nothing() {
    let desk = Desk::default();
    let listed = desk.truffle(&["search", "m7g.large", "--columns", "help"]).expect_success();
    assert!(listed.contains("on_demand_price") && listed.contains("On-demand price (/h)"), "{listed}");
    let list = |words: &[&str]| desk.truffle(&[words, &["--columns", "help", "-o", "csv"]].concat());
    let empty = list(&["search", "m7g.large", "--gpus", "8"]);
    assert!((empty.code, empty.err.as_str()) == (0, "") && empty.out.lines().count() > 50, "{empty:?}");
    let question = list(&["query", "cost/by-day"]);
    assert_eq!((question.code, question.out.matches(",yes\n").count()), (0, 8), "{question:?}");
    assert_eq!(list(&["bookmark", "m7g.large"]).code, 2);
    assert_eq!(desk.truffle(&["bookmark", "-o", "json"]).expect_success(), "[]\n");
    assert_eq!(list(&["export", "price", "--to", "x.csv"]).code, 2);
}

#[test]
fn collector_status_names_the_command_that_collects_a_dataset() {
    let desk = Desk::default();
    let none = desk.collector(&["status", "price"]);
    let way = "create one with collector snapshot price --region us-east-1";
    assert!(
        none.code == 3 && none.err.starts_with("not collected yet: ") && none.err.contains(way),
        "{none:?}"
    );
    let listed = desk.collector(&["status", "--columns", "help", "-o", "csv"]).expect_success();
    assert_eq!((listed.matches(",yes\n").count(), listed.matches(",no\n").count()), (8, 1), "{listed}");
}

#[test]
fn status_names_the_folders_in_every_format() {
    let desk = Desk::default();
    for format in ["table", "json", "csv"] {
        let said = desk.truffle(&["status", "-o", format]).err;
        assert!(["lake: ", "warehouse: ", "settings: "].iter().all(|line| said.contains(line)), "{said}");
    }
}

#[test]
fn a_price_is_shown_without_collected_offerings() {
    let desk = Desk::default();
    let found = desk.truffle(&["search", "m7i.large", "--region", "us-gov-west-1"]);
    assert!(found.err.contains("not collected yet: offerings of us-gov-west-1"), "{found:?}");
    assert!(found.out.contains("$0.12705 (2025-03)") && found.out.contains("unknown"), "{found:?}");
}

#[test]
fn a_missing_lake_is_reported_only_if_it_was_named() {
    let desk = Desk::default();
    let answer = desk.truffle(&["search", "m7i.large", "--lake", "nowhere"]);
    assert!(answer.err.contains("there is no lake at nowhere (--lake)"), "{answer:?}");
    assert!(!desk.truffle(&["search", "m7i.large"]).err.contains("no lake"), "no lake was named");
}

#[test]
fn an_arrow_file_has_its_columns_and_rows() {
    let python = tests::repository_root().join(".tools/venv/bin/python");
    if !python.exists() {
        eprintln!("skipped: {} is missing; `make test` installs it", python.display());
        return;
    }
    let desk = Desk::default();
    let file = desk.home().join("types.arrow");
    desk.truffle(&["export", "instance_type", "--to", &file.to_string_lossy()]).expect_success();
    let read = "import pyarrow.ipc,sys; t = pyarrow.ipc.open_file(sys.argv[1]).read_all(); \
                print(t.num_rows, t.column_names[0], t.schema.field('memory_mib').type)";
    assert_eq!(
        run_command(Command::new(python).args(["-c", read]).arg(&file)).expect_success(),
        "1395 instance_type int64\n"
    );
}

#[test]
fn searches_and_bookmarks_are_saved() {
    let desk = Desk::default();
    let dry = desk.truffle(&["save", "fast", "--dry-run", "h100", "8gpu"]);
    assert!(dry.err.contains("would save fast: truffle search h100 8gpu"), "{dry:?}");
    assert!(desk.truffle(&["saved"]).err.contains("no saved searches yet"));
    desk.truffle(&["save", "fast", "h100", "8gpu", "--region", "us-west-2"]).expect_success();
    let run = desk.truffle(&["saved", "fast", "-o", "csv", "-q"]).expect_success();
    assert!(run.contains("p5.48xlarge,us-west-2"), "{run}");
    desk.truffle(&["saved", "--remove", "fast"]).expect_success();
    assert_eq!(desk.truffle(&["saved", "fast"]).code, 2);
    desk.truffle(&["bookmark", "p5.48xlarge", "--note", "the big one"]).expect_success();
    let kept = desk.truffle(&["bookmark", "-o", "json", "-q"]).expect_success();
    assert!(kept.contains("\"note\": \"the big one\""), "{kept}");
}

#[test]
fn sql_is_read_from_the_argument_stdin_or_a_file() {
    let desk = Desk::default();
    let sql = "SELECT count(*) AS n FROM instance_type WHERE gpus > 0";
    let words = |extra: &[&'static str]| [&["query", "-o", "csv", "-q"][..], extra].concat();
    assert_eq!(desk.truffle(&[&words(&[])[..], &[sql]].concat()).expect_success(), "n\n65\n");
    assert_eq!(desk.truffle_reading(&words(&[]), sql).expect_success(), "n\n65\n");
    assert_eq!(desk.truffle_reading(&words(&["-"]), sql).expect_success(), "n\n65\n");
    fs::write(desk.home().join("q.sql"), sql).unwrap();
    assert_eq!(desk.truffle(&words(&["--file", "q.sql"])).expect_success(), "n\n65\n");
    let named = desk.truffle(&words(&["instance/gpus", "--param", "model=h200"])).expect_success();
    assert_eq!(named.lines().count(), 3, "{named}");
    assert!(desk.truffle(&["query", sql, "--timing"]).err.contains(" ms"));
    let cut = desk.truffle(&["query", "FROM range(50)", "--limit", "7", "-o", "csv"]);
    assert!(cut.err.contains("cut after 7 rows"), "{cut:?}");
    assert_eq!(cut.expect_success().lines().count(), 8);
}
