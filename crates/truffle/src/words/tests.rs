use super::*;
use crate::filter::sample;
use proptest::prelude::*;

pub(super) fn understand(text: &str) -> Result<ParsedWords, Failure> {
    let facts = sample::facts();
    read(&[text.to_string()], &SearchVocabulary::new(&facts))
}

/// Checks the normalized spelling of the words and the types that they find.
pub(super) fn check(text: &str, shown: &str, found: &[&str]) {
    let facts = sample::facts();
    let understood = understand(text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
    assert_eq!(understood.to_string(), shown, "{text}");
    let filters = understood.filters();
    let holds = |t: &&TypeFacts| filters.iter().all(|filter| satisfies(t, &filter.condition));
    let names: Vec<_> = facts.iter().filter(holds).map(|t| t.instance_type.as_str()).collect();
    assert_eq!(names, found, "{text}");
}

pub(super) fn check_error(text: &str, message: &str) {
    let failure = understand(text).map(|read| read.to_string()).expect_err(text);
    assert_eq!(failure.message, message, "{text}");
}

#[test]
fn reads_counts() {
    check("h200 8gpu efa", "h200 8 gpus efa", &["p5en.48xlarge"]);
    check("h100 1 gpu", "h100 1 gpus", &["p5.4xlarge"]);
    check("h100 2..8 gpus", "h100 2..8 gpus", &["p5.48xlarge"]);
    check("graviton 16 cores 64gb", "graviton 16 vcpus 64gib", &["m7g.4xlarge"]);
    check("24 physical cores", "24 physical cores", &["g6.12xlarge"]);
    check("cheap arm 4 vcpu", "arm 4 vcpus cheap", &["c7g.xlarge", "g5g.xlarge"]);
}

#[test]
fn reads_memory_and_bandwidth() {
    check("16g intel", "16gib intel", &["m5.xlarge", "m7i.xlarge"]);
    check("intel 60..64gb ram", "intel 60gib..64gib", &["g7.2xlarge", "r7i.2xlarge"]);
    check("1.125 tb", "1152gib", &["p4d.24xlarge"]);
    check("..1024mb", "..1gib", &["t3.micro"]);
    check("100gbps", "100gbps", &["p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge", "trn2.48xlarge"]);
    check("10..12 gbps", "10..12gbps", &["g5g.xlarge"]);
}

#[test]
fn sizes_combine_with_gpus() {
    check("medium gpu", "medium gpu", &["g5g.xlarge"]);
    check("h100 large", "h100 large", &["p5.4xlarge"]);
    check("h100 48xlarge", "h100 48xlarge", &["p5.48xlarge"]);
    check("tiny small", "tiny small", &["t3.micro", "t4g.small"]);
}

#[test]
fn reads_names_and_patterns() {
    check("m7i.*", "m7i.*", &["m7i.xlarge"]);
    check("m7i", "m7i", &["m7i.xlarge"]);
    check("c[78]g.xlarge", "c[78]g.xlarge", &["c7g.xlarge"]);
    check("M7I.xlarge,t3.micro", "m7i.xlarge t3.micro", &["m7i.xlarge", "t3.micro"]);
    check("^(t|r)\\d", "^(t|r)\\d", &["r7i.2xlarge", "t3.micro", "t4g.small"]);
    check("p5.* 1 gpu", "p5.* 1 gpus", &["p5.4xlarge"]);
}

#[test]
fn reads_processors_and_instruction_sets() {
    check("sapphire rapids 4 vcpus", "sapphire rapids 4 vcpus", &["m7i.xlarge"]);
    check("Sapphire-Rapids 8 vcpus", "sapphire rapids 8 vcpus", &["r7i.2xlarge"]);
    check("graviton 4 cores", "graviton 4 vcpus", &["c7g.xlarge", "g5g.xlarge"]);
    check("graviton 4", "graviton4", &["c8g.2xlarge"]);
    check("sve2", "sve2", &["c8g.2xlarge"]);
    check("amd avx512", "amd avx512", &["m7a.xlarge"]);
    check(
        "amx bf16 tiny or small",
        "amx or bf16 or tiny or small",
        &[
            "c7g.metal",
            "c7g.xlarge",
            "c8g.2xlarge",
            "m7a.xlarge",
            "m7g.4xlarge",
            "m7i.xlarge",
            "m7i-flex.large",
            "m8i.8xlarge",
            "p5en.48xlarge",
            "r7i.2xlarge",
            "t3.micro",
            "t4g.small",
        ],
    );
    check("milan genoa 4 vcpus", "milan genoa 4 vcpus", &["inf2.xlarge", "m7a.xlarge"]);
    check("intel amd avx512 4 vcpus", "intel amd avx512 4 vcpus", &["m5.xlarge", "m7a.xlarge", "m7i.xlarge"]);
}

#[test]
fn reads_accelerators_and_features() {
    check("rtx pro 4500", "rtx pro 4500", &["g7.2xlarge"]);
    check("t4g", "t4g", &["g5g.xlarge"]);
    check("inferentia", "inferentia", &["inf2.xlarge"]);
    check("trainium2", "trainium2", &["trn2.48xlarge"]);
    check("nvidia ultranet", "nvidia ultranet", &["p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge"]);
    check("nested-virt", "nested-virt", &["m7i.xlarge"]);
    check("mig 1 gpu", "mig 1 gpus", &["g7.2xlarge", "p5.4xlarge"]);
    check("mps 1 gpu", "mps 1 gpus", &["p5.4xlarge"]);
    check("burstable arm", "burstable arm", &["t4g.small"]);
    check("h100 or inferentia2", "h100 or inferentia2", &["inf2.xlarge", "p5.4xlarge", "p5.48xlarge"]);
}

#[test]
fn order_and_regions_are_not_filters() {
    let read = understand("newest a100 cheapest us-east-1 eu-central-1").unwrap();
    assert_eq!(read.regions, ["us-east-1", "eu-central-1"]);
    assert_eq!(read.sort.iter().map(|hint| hint.key).collect::<Vec<_>>(), ["-generation", "on_demand_price"]);
    assert_eq!(read.filters().len(), 1);
}

#[test]
fn rejects_unknown_words() {
    check_error("gravitron", "unknown search word \"gravitron\"; the closest match is graviton");
    check_error("h200 wobble", "unknown search word \"wobble\"");
    check_error("m7i.xlagre", "unknown instance type \"m7i.xlagre\"; the closest match is m7i.xlarge");
    check_error("16", "\"16\" needs a unit: 16 vcpus, 16 gb or 16 gpus");
    check_error("16..4 vcpus", "\"16..4\" starts above its end; write 4..16");
    check_error("4gb..8gpu", "\"4gb..8gpu\" has two units: use one, as in 4..16 vcpus");
    check_error("4xl", "unknown search word \"4xl\"");
    check_error("c[67", "\"c[67\" is not a pattern such as m7i.* or c[67]g.xlarge");
    check_error("cheap or expensive", "\"or\" needs a condition on both sides, and \"cheap\" is an order");
    check_error("cheap or graviton", "\"or\" needs a condition on both sides, and \"cheap\" is an order");
    check_error("or graviton", "\"or\" needs a word on both sides, as in graviton or amd");
}

#[test]
fn contradictions_name_the_two_words() {
    let check = |text: &str, one: &str, other: &str| {
        let message = format!("\"{one}\" and \"{other}\" contradict each other: no instance type is both");
        check_error(text, &message);
    };
    check("intel graviton", "intel", "graviton");
    check("arm64 x86_64", "arm64", "x86_64");
    check("8 gpus graviton 4gb x86", "graviton", "x86");
    check("milan intel", "intel", "milan");
    check("graviton2 graviton avx512", "graviton", "avx512");
    let opposite = |text: &str, one: &str, other: &str| {
        let message = format!("\"{one}\" and \"{other}\" contradict each other: they are opposite orders");
        check_error(text, &message);
        let hint = understand(text).unwrap_err().hint.unwrap();
        assert_eq!(hint, format!("leave out {one} or {other}"));
    };
    opposite("cheap expensive", "cheap", "expensive");
    opposite("cheap expensive newest", "cheap", "expensive");
    opposite("newest expensive fast cheapest", "expensive", "cheapest");
    assert!(understand("cheap newest fast cheapest").is_ok());
    assert!(understand("intel or graviton").is_ok());
}

/// Returns words of every kind, in random combinations.
fn any_words() -> impl Strategy<Value = Vec<String>> {
    let facts = sample::facts();
    let mut words: Vec<String> = SearchVocabulary::new(&facts).words().map(str::to_string).collect();
    words.extend(facts.iter().map(|t| t.instance_type.clone()));
    words.extend(["m7i.*", "c[67]g.*", "^m\\D", "physical cores", "us-east-1"].map(String::from));
    words.extend(["ram", "vram", "x", "+", "at least", "or more", ">=", "eu (paris)"].map(String::from));
    let quantity = "[0-9]{1,3}(\\.[0-9])?(\\.\\.[0-9]{0,3})?( )?(gb|g|TiB|mb|gpu|gpus|cores|vcpu|gbps|)[+]?";
    proptest::collection::vec(prop_oneof![3 => proptest::sample::select(words), 1 => quantity], 0..6)
}

proptest! {
    // Enough cases for every kind of word, and fast in a debug build.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z0-9 .*\\[\\]-]{0,40}") {
        let _ = understand(&text);
    }

    #[test]
    fn displayed_words_read_back_the_same(words in any_words()) {
        let facts = sample::facts();
        let vocabulary = SearchVocabulary::new(&facts);
        if let Ok(read) = super::read(&words, &vocabulary) {
            let again = super::read(&[read.to_string()], &vocabulary);
            prop_assert_eq!(again.as_ref(), Ok(&read), "{:?} as {}", words, read);
        }
    }
}
