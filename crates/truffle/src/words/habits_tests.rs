//! Words in the habits of people, of AWS's consoles and of other tools.

use super::tests::{check, check_error, understand};

#[test]
fn a_number_with_a_sign_is_a_bound_and_never_a_pattern() {
    let eight = ["p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge"];
    for text in [
        "8+ gpus",
        "8+gpus",
        "8+ gpu",
        "gpus>=8",
        "gpu >= 8",
        ">=8 gpus",
        "at least 8 gpus",
        "8 gpus or more",
        "8 or more gpus",
        "min 8 gpus",
        "gpus: 8+",
        "minimum of 8 gpus",
        "no less than 8 gpus",
        "at-least eight gpus",
        "min. 8 gpus",
    ] {
        check(text, "8.. gpus", &eight);
    }
    check("more than 4 gpus", "5.. gpus", &eight);
    check("gpus>7", "8.. gpus", &eight);
    check("16gb+ 4 vcpus", "16gib.. 4 vcpus", &["inf2.xlarge", "m5.xlarge", "m7a.xlarge", "m7i.xlarge"]);
    check("memory>=2tb", "2048gib..", &["p5.48xlarge", "p5en.48xlarge", "trn2.48xlarge"]);
    check("over 1152gb", "1179649mib..", &["p5.48xlarge", "p5en.48xlarge", "trn2.48xlarge"]);
    check("up to 2 gb", "..2gib", &["t3.micro", "t4g.small"]);
    check("<2gb", "..2047mib", &["t3.micro"]);
    check("under 2 gb of ram", "..2047mib", &["t3.micro"]);
    check("max 2 vcpus", "..2 vcpus", &["m7i-flex.large", "t3.micro", "t4g.small"]);
    check("48-64 vcpus", "48..64 vcpus", &["c7g.metal", "g6.12xlarge"]);
    check("48 to 64 vcpus", "48..64 vcpus", &["c7g.metal", "g6.12xlarge"]);
    check("between 48 and 64 vcpus", "48..64 vcpus", &["c7g.metal", "g6.12xlarge"]);
    check("16-core graviton", "16 vcpus graviton", &["m7g.4xlarge"]);
    check("vcpus=16 ram=64", "16 vcpus 64gib", &["m7g.4xlarge"]);
    check("cpus 16+ memory 64 gb+ arm", "16.. vcpus 64gib.. arm", &["c7g.metal", "m7g.4xlarge"]);
    check("400gbps+", "400..gbps", &["p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge", "trn2.48xlarge"]);
    check_error("8+", "\"8..\" needs a unit: 8.. vcpus, 8.. gb or 8.. gpus");
    check_error("+8 gpus", "\"+8\" is not a number such as 8, 8.. or 4..16");
    check_error("~8gb", "\"~8gb\" is not a number such as 8, 8.. or 4..16");
    check_error("8? gpus", "\"8?\" is not a number such as 8, 8.. or 4..16");
    check_error("vcpus=16gb", "\"vcpus = 16gb\" has two units: use one, as in 4..16 vcpus");
    check_error("h100 under $5", "\"$5\" is a price and no search word");
    check_error("$5", "\"$5\" is a price and no search word");
}

#[test]
fn a_count_belongs_to_the_accelerator_beside_it() {
    for text in [
        "8 h100",
        "8xH100",
        "8x h100",
        "8 x h100",
        "8×H100",
        "8*h100",
        "8 tesla h100",
        "eight H100s",
        "8 H100s",
    ] {
        check(text, "8 gpus h100", &["p5.48xlarge"]);
    }
    for text in ["H100:8", "h100x8", "H100-x8", "h100 x 8", "h100 x8", "h100=8", "h100 8x", "H100: 8"] {
        check(text, "h100 8 gpus", &["p5.48xlarge"]);
    }
    check("accelerators: H100:8", "h100 8 gpus", &["p5.48xlarge"]);
    check("accelerators=H100:8", "h100 8 gpus", &["p5.48xlarge"]);
    check("gpu:h100:1", "h100 1 gpus", &["p5.4xlarge"]);
    check("gpu=4", "4 gpus", &["g6.12xlarge"]);
    check(
        "8+ cores 32+ gb intel",
        "8.. vcpus 32gib.. intel",
        &["g7.2xlarge", "m8i.8xlarge", "p4d.24xlarge", "p5en.48xlarge", "r7i.2xlarge", "trn2.48xlarge"],
    );
    check("4x gpu", "4 gpus", &["g6.12xlarge"]);
    check("2+ h100", "2.. gpus h100", &["p5.48xlarge"]);
    check("at least 2 h100", "2.. gpus h100", &["p5.48xlarge"]);
    check("Trainium2:16", "trainium2 16 training accelerators", &["trn2.48xlarge"]);
    check("1x inferentia2", "1 inference accelerators inferentia2", &["inf2.xlarge"]);
    check("graviton 4", "graviton4", &["c8g.2xlarge"]);
    check_error("h100 8", "\"8\" needs a unit: 8 vcpus, 8 gb or 8 gpus");
}

#[test]
fn a_size_beside_a_gpu_is_the_memory_of_the_gpu() {
    for text in ["a100 40gb", "A100-40GB", "40gb a100", "A100-SXM4-40GB", "nvidia-a100-40gb", "a100_40gb"] {
        let shown = if text.starts_with("40") { "40gib vram a100" } else { "a100 40gib vram" };
        let shown = if text.starts_with("nvidia") { "nvidia a100 40gib vram" } else { shown };
        check(text, shown, &["p4d.24xlarge"]);
    }
    check("A100-40GB:8", "a100 40gib vram 8 gpus", &["p4d.24xlarge"]);
    check("8 a100 40gb", "8 gpus a100 40gib vram", &["p4d.24xlarge"]);
    check("a100 8 gpus 40gb", "a100 8 gpus 40gib vram", &["p4d.24xlarge"]);
    check("h100 80gb", "h100 80gib vram", &["p5.4xlarge", "p5.48xlarge"]);
    check("h200 141gb", "h200 141gib vram", &["p5en.48xlarge"]);
    check("a100 40gb+", "a100 40gib.. vram", &["p4d.24xlarge"]);
    check("24gb vram", "24gib vram", &["g6.12xlarge"]);
    check("vram>=80gb", "80gib.. vram", &["p5.4xlarge", "p5.48xlarge", "p5en.48xlarge"]);
    check("h100 256gb", "h100 256gib", &["p5.4xlarge"]);
    check("h100 2tb", "h100 2048gib", &["p5.48xlarge"]);
    check("h100 80gb ram", "h100 80gib ram", &[]);
    check("intel 64gb ram", "intel 64gib", &["g7.2xlarge", "r7i.2xlarge"]);
    check("h100 1 gpu efa 80gb", "h100 1 gpus efa 80gib vram", &[]);
    check("a100 24gb", "a100 24gib", &[]);
    let explained = understand("a100 40gb").unwrap().explain();
    assert_eq!(explained[1], "40gib vram: exactly 40 GiB of memory in each GPU");
}

#[test]
fn other_names_of_gpus_are_known() {
    check("RTX-PRO-4500", "rtx pro 4500", &["g7.2xlarge"]);
    check("rtxpro4500", "rtx pro 4500", &["g7.2xlarge"]);
    check("NVIDIA RTX PRO 4500 Blackwell", "nvidia rtx pro 4500", &["g7.2xlarge"]);
    check("H100 SXM", "h100", &["p5.4xlarge", "p5.48xlarge"]);
    check("H100SXM5", "h100", &["p5.4xlarge", "p5.48xlarge"]);
    check("l4-pcie", "l4", &["g6.12xlarge"]);
    check("tesla a100", "a100", &["p4d.24xlarge"]);
    check_error("h100 pcie", "EC2 has no h100 pcie; the closest match is h100");
    check_error("h100-nvl", "EC2 has no h100 nvl; the closest match is h100");
    check_error("a800", "unknown search word \"a800\"; the closest match is a100");
    check_error("nvidia-a800", "unknown search word \"nvidia-a800\"; the closest match is a100");
    check_error("mi300x", "unknown search word \"mi300x\"; the closest match is h200");
    check_error("rtx5090", "unknown search word \"rtx5090\"; the closest match is rtx pro 4500");
    check("H100 80GB SXM5", "h100 80gib vram", &["p5.4xlarge", "p5.48xlarge"]);
    check("1xH100 80GB SXM", "1 gpus h100 80gib vram", &["p5.4xlarge"]);
    check_error("A100 40GB PCIe", "EC2 has no a100 pcie; the closest match is a100");
    check_error("sxm5", "\"sxm5\" needs a GPU before it");
    check_error("2x RTX 5090", "unknown search word \"rtx 5090\"; the closest match is rtx pro 4500");
    check_error("8 a800", "unknown search word \"a800\"; the closest match is a100");
    check_error("A800:8", "unknown search word \"a800:8\"; the closest match is a100");
    check_error("A800-80GB", "unknown search word \"a800-80gb\"; the closest match is a100");
    check_error("a2-highgpu-8g", "unknown search word \"a2-highgpu-8g\"");
    check_error("h10", "unknown search word \"h10\"; the closest match is h100");
    check_error("g66", "unknown search word \"g66\"");
}

#[test]
fn types_are_known_in_any_spelling() {
    for text in ["M7I.XLARGE", "m7i xlarge", "m7i-xlarge", "m7ixlarge", "m7i_xlarge", "M7i Xlarge"] {
        check(text, "m7i.xlarge", &["m7i.xlarge"]);
    }
    check("t3micro", "t3.micro", &["t3.micro"]);
    check("p5.48xl", "p5.48xlarge", &["p5.48xlarge"]);
    check("p5 48xlarge", "p5.48xlarge", &["p5.48xlarge"]);
    check("P5-48XLARGE or t3.MICRO", "p5.48xlarge or t3.micro", &["p5.48xlarge", "t3.micro"]);
    check("m7i-flex large", "m7i-flex.large", &["m7i-flex.large"]);
    check("m7i c7g 4xlarge xlarge", "m7i c7g 4xlarge xlarge", &["c7g.xlarge", "m7i.xlarge"]);
    check_error("p4.24xlarge", "unknown instance type \"p4.24xlarge\"; the closest match is p4d.24xlarge");
    check_error("p4", "unknown search word \"p4\"; the closest match is p4d");
}

#[test]
fn regions_are_known_by_their_names() {
    let check = |text: &str, expected: &[&str]| {
        let read = understand(text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
        assert_eq!(read.regions, expected, "{text}");
    };
    check("m5.xlarge EU (Stockholm)", &["eu-north-1"]);
    check("h100 in Frankfurt", &["eu-central-1"]);
    check("h100 eu-frankfurt", &["eu-central-1"]);
    check("h100 US East (N. Virginia)", &["us-east-1"]);
    check("h100 N. Virginia", &["us-east-1"]);
    check("8xh100 us east 1", &["us-east-1"]);
    check("region=ohio h100", &["us-east-2"]);
    check("region milan h100", &["eu-south-1"]);
    check("milan 4 vcpus", &[]);
    check("Asia Pacific (Hong Kong) 4 vcpus", &["ap-east-1"]);
    check("us west 2 4 vcpus", &["us-west-2"]);
    check("use1 US-EAST-1", &["us-east-1"]);
    check_error("govcloud", "\"govcloud\" is several regions: us-gov-west-1, us-gov-east-1");
    check_error("h100 us east", "\"us east\" is several regions: us-east-1, us-east-2");
    check_error("us west 2 gpus", "\"us west\" is several regions: us-west-1, us-west-2");
    check_error("h100 us-east-1a", "\"us-east-1a\" is a zone of us-east-1: expected a region");
    check_error("use1-az4", "\"use1-az4\" is a zone id and no search word");
}
