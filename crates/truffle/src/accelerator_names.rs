//! The names of accelerators as people and other tools write them.

/// A model, in letters as `vocabulary::letters` returns them, and its other names. Sources: the
/// makers' product pages, SkyPilot's `sky show-gpus` and the GPU names of other clouds.
pub(crate) const ALIASES: &[(&str, &[&str])] = &[
    (
        "rtxproserver6000",
        &[
            "RTX PRO 6000",
            "RTX 6000 PRO",
            "RTX PRO 6000 Server",
            "RTX PRO 6000 Blackwell",
            "RTX PRO 6000 BSE",
            "RTX 6000 Blackwell",
        ],
    ),
    ("rtxpro4500", &["RTX 4500 PRO", "RTX PRO 4500 Server", "RTX PRO 4500 Blackwell", "RTX PRO Server 4500"]),
    ("qualcommai100", &["AI100", "Cloud AI 100"]),
    ("gaudihl205", &["Gaudi", "Gaudi 1", "HL-205"]),
    ("radeonprov520", &["V520", "Radeon Pro"]),
    ("virtexultrascale+(vu47p)", &["VU47P"]),
];

/// Words before a model that say its maker or its line.
pub(crate) const PREFIXES: [&str; 10] =
    ["nvidia", "tesla", "aws", "amazon", "amd", "geforce", "quadro", "habana", "qualcomm", "xilinx"];

/// Form factors of GPUs, as other tools append them to the model.
pub(crate) const FORM_FACTORS: [&str; 8] = ["sxm", "sxm2", "sxm3", "sxm4", "sxm5", "sxm6", "pcie", "nvl"];

/// Models that EC2 has as modules on a board (SXM). Any other GPU is a PCIe card.
const ON_A_BOARD: [&str; 6] = ["V100", "A100", "H100", "H200", "B200", "B300"];

/// Whether EC2 offers the GPU in this form: `sxm5`, `pcie`, `nvl`.
pub(crate) fn has_form(model: &str, form: &str) -> bool {
    match form {
        "pcie" => !ON_A_BOARD.contains(&model),
        "nvl" => false,
        _ => ON_A_BOARD.contains(&model),
    }
}

/// GPUs that EC2 does not have, in letters, and the nearest one that it has: the same chip, else
/// the same class of memory and speed.
const ABSENT: &[(&[&str], &str)] = &[
    (&["a10", "a16", "a30", "a5000", "rtxa5000", "rtx3090", "3090", "rtx3080", "a4500"], "A10G"),
    (&["a2", "a4000", "rtxa4000", "rtx4000ada", "rtx4000", "rtx2080ti", "p4gpu"], "L4"),
    (&["l40", "a40", "a6000", "rtxa6000", "rtx4090", "4090", "l20", "rtx8000"], "L40S"),
    (&["rtx6000", "rtx6000ada", "6000ada", "rtxa6000ada", "rtx5000", "rtx5000ada"], "RTX PRO Server 6000"),
    (&["rtx5090", "5090", "rtx5080", "rtx4500ada"], "RTX PRO 4500"),
    (&["p100", "p40", "titanv", "titanrtx", "k80", "m60"], "V100"),
    (&["a800", "a100x"], "A100"),
    (&["h800", "gh100"], "H100"),
    (&["h20", "gh200", "mi300", "mi300x", "mi308x", "mi250", "mi250x", "mi210"], "H200"),
    (&["b100", "gb200", "mi325x", "mi350x"], "B200"),
    (&["gb300", "mi355x"], "B300"),
    (&["gaudi", "gaudi1", "gaudi2", "gaudi3", "tpu", "tpuv4", "tpuv5", "tpuv5e", "tpuv6e"], "Trainium2"),
];

/// Whether the text is a name of the model, in any case, with or without its maker.
pub(crate) fn names_model(text: &str, model: &str) -> bool {
    let (text, model) = (letters(text), letters(model));
    let is_it = |text: &str| {
        let others = ALIASES.iter().filter(|(known, _)| *known == model).flat_map(|(_, others)| *others);
        text == model || others.clone().any(|other| letters(other) == text)
    };
    is_it(&text) || is_it(without_maker(&text))
}

/// Returns the nearest of the known models for the name of a GPU that EC2 does not have, or for a
/// model with an addition, such as `A100-80GB`.
pub(crate) fn nearest_model<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = text.split([':', '=']).next().unwrap_or_default();
    let name =
        name.split_once('x').filter(|(count, _)| count.parse::<u32>().is_ok()).map_or(name, |(_, name)| name);
    let spelt = letters(name);
    let mut parts = name.split(['-', '_']);
    let first = letters(parts.next().unwrap_or_default());
    // `a2-highgpu-8g` is a machine of another cloud and no A2.
    let is_addition = |part: &str| FORM_FACTORS.contains(&part) || part.ends_with("gb");
    let first = if parts.all(is_addition) { substitute(&first) } else { None };
    let longest = || {
        let starts = |model: &&&str| without_maker(&spelt).starts_with(&letters(model));
        known.iter().filter(starts).max_by_key(|model| model.len())
    };
    match substitute(&spelt).or(first) {
        Some(offered) => known.iter().find(|model| model.eq_ignore_ascii_case(offered)).copied(),
        None if name.contains(['-', '_', ' ']) => longest().copied(),
        None => None,
    }
}

/// Returns the nearest model that EC2 has for the letters of one that it does not have.
pub(crate) fn substitute(spelt: &str) -> Option<&'static str> {
    let is_it = |word: &&str| *word == spelt || *word == without_maker(spelt);
    ABSENT.iter().find(|(words, _)| words.iter().any(is_it)).map(|(_, offered)| *offered)
}

fn without_maker(letters: &str) -> &str {
    PREFIXES.iter().fold(letters, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest))
}

/// Whether letters look like the name of an accelerator: `h110`, `rtx7000`, `mi400`.
pub(crate) fn looks_like_model(letters: &str) -> bool {
    let starts =
        ["rtx", "gtx", "tesla", "geforce", "quadro", "radeon", "nvidia", "gaudi", "tpu", "inferentia"];
    let end = letters.find(|c: char| c.is_ascii_digit()).unwrap_or(letters.len());
    let digits = letters[end..].chars().take_while(char::is_ascii_digit).count();
    starts.iter().any(|start| letters.starts_with(start)) || matches!(end, 1 | 2) && digits >= 2
}

/// Lowercases a word and removes spaces and hyphens: `Sapphire-Rapids` becomes `sapphirerapids`.
pub(crate) fn letters(word: &str) -> String {
    word.chars().filter(|c| *c != '-' && *c != ' ').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_several_names() {
        let check = |text: &str, model: &str, expected: bool| {
            assert_eq!(names_model(text, model), expected, "{text}");
        };
        check("RTXPRO6000", "RTX PRO Server 6000", true);
        check("nvidia rtx-pro-6000", "RTX PRO Server 6000", true);
        check("Tesla T4", "T4", true);
        check("t4", "T4g", false);
        check("hl-205", "Gaudi HL-205", true);
        check("RTX PRO 4500", "RTX PRO Server 6000", false);
    }

    #[test]
    fn a_gpu_that_ec2_lacks_has_a_substitute() {
        let known = ["A100", "A10G", "L4", "L40S", "V100"];
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(nearest_model(text, &known), expected, "{text}");
        };
        check("A10", Some("A10G"));
        check("NVIDIA-A10", Some("A10G"));
        check("8xA10", Some("A10G"));
        check("l40:4", Some("L40S"));
        check("RTX A6000", Some("L40S"));
        check("a30-24gb", Some("A10G"));
        check("V100-80GB", Some("V100"));
        check("a2-highgpu-8g", None);
        check("h800", None);
        check("m5", None);
    }
}
