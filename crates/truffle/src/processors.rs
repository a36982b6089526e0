//! The processor of each instance family, and its instruction sets.
//!
//! The EC2 API returns the maker and the architecture of a processor, not its generation. The table
//! comes from AWS's instance type pages: <https://aws.amazon.com/ec2/instance-types/>, the
//! "Processor" columns of <https://docs.aws.amazon.com/ec2/latest/instancetypes/>, and for Graviton
//! <https://aws.amazon.com/ec2/graviton/>. The instruction sets are those that AWS or the maker
//! lists for the processor. A family that may run on one of several processors has its own row,
//! with the instruction sets that all of them have. A family without a row is unknown and never
//! satisfies a condition on the processor.

/// A processor and the families that run on it.
#[derive(Debug)]
pub(crate) struct ProcessorGeneration {
    /// Name for people.
    pub(crate) name: &'static str,
    /// Search words, without spaces and hyphens.
    pub(crate) words: &'static [&'static str],
    /// Families of instance types.
    pub(crate) families: &'static [&'static str],
    /// Instruction sets beyond the base of the architecture.
    pub(crate) sets: &'static [&'static str],
}

/// All instruction sets of the table.
pub(crate) const SETS: &[&str] = &["avx", "avx2", "avx512", "vnni", "amx", "bf16", "neon", "sve", "sve2"];

const AVX: &[&str] = &["avx"];
const AVX2: &[&str] = &["avx", "avx2"];
const AVX512: &[&str] = &["avx", "avx2", "avx512"];
const VNNI: &[&str] = &["avx", "avx2", "avx512", "vnni"];
const AMX: &[&str] = &["avx", "avx2", "avx512", "vnni", "bf16", "amx"];
const ZEN4: &[&str] = &["avx", "avx2", "avx512", "vnni", "bf16"];
const NEON: &[&str] = &["neon"];
const SVE: &[&str] = &["neon", "bf16", "sve"];
const SVE2: &[&str] = &["neon", "bf16", "sve", "sve2"];

/// The table, by maker, oldest first.
pub(crate) const PROCESSORS: &[ProcessorGeneration] = &[
    row("Graviton", &["graviton1"], &["a1"], NEON),
    row(
        "Graviton2",
        &["graviton2"],
        &[
            "c6g", "c6gd", "c6gn", "g5g", "i4g", "im4gn", "is4gen", "m6g", "m6gd", "r6g", "r6gd", "t4g",
            "x2gd",
        ],
        NEON,
    ),
    row("Graviton3", &["graviton3"], &["c7g", "c7gd", "m7g", "m7gd", "r7g", "r7gd"], SVE),
    row("Graviton3E", &["graviton3", "graviton3e"], &["c7gn", "hpc7g"], SVE),
    row(
        "Graviton4",
        &["graviton4"],
        &[
            "c8g", "c8gb", "c8gd", "c8gn", "i8g", "i8ge", "m8g", "m8gb", "m8gd", "m8gn", "r8g", "r8gb",
            "r8gd", "r8gn", "x8g",
        ],
        SVE2,
    ),
    row("Graviton5", &["graviton5"], &["c9g", "c9gd", "m9g", "m9gd", "r9g", "r9gd"], SVE2),
    row("Ivy Bridge", &["ivybridge"], &["c3", "i2", "r3"], AVX),
    row("Haswell", &["haswell"], &["c4", "d2", "x1", "x1e"], AVX2),
    row("Haswell or Broadwell", &[], &["m4"], AVX2),
    row("Broadwell", &["broadwell"], &["h1", "i3", "r4"], AVX2),
    row("Skylake", &["skylake"], &["c5n", "p3dn", "z1d"], AVX512),
    row("Skylake or Cascade Lake", &[], &["c5", "c5d", "i3en", "m5", "m5d", "r5", "r5d", "t3"], AVX512),
    row(
        "Cascade Lake",
        &["cascadelake"],
        &[
            "d3", "d3en", "g4dn", "inf1", "m5dn", "m5n", "m5zn", "p4d", "p4de", "r5b", "r5dn", "r5n", "vt1",
            "x2iezn",
        ],
        VNNI,
    ),
    row(
        "Ice Lake",
        &["icelake"],
        &[
            "c6i", "c6id", "c6in", "hpc6id", "i4i", "m6i", "m6id", "m6idn", "m6in", "r6i", "r6id", "r6idn",
            "r6in", "x2idn", "x2iedn",
        ],
        VNNI,
    ),
    row(
        "Sapphire Rapids",
        &["sapphirerapids"],
        &[
            "c7i",
            "c7i-flex",
            "m7i",
            "m7i-flex",
            "p5en",
            "r7i",
            "r7iz",
            "u7i-12tb",
            "u7i-6tb",
            "u7i-8tb",
            "u7in-16tb",
            "u7in-24tb",
            "u7in-32tb",
        ],
        AMX,
    ),
    row("Emerald Rapids", &["emeraldrapids"], &["i7i", "i7ie", "p6-b200"], AMX),
    row(
        "Granite Rapids",
        &["graniterapids", "xeon6"],
        &[
            "c8i", "c8i-flex", "c8ib", "c8id", "c8in", "m8i", "m8i-flex", "m8ib", "m8id", "m8idb", "m8idn",
            "m8in", "r8i", "r8i-flex", "r8ib", "r8id", "r8idb", "r8idn", "r8in", "x8i",
        ],
        AMX,
    ),
    row("Naples", &["naples"], &["m5a", "m5ad", "r5a", "r5ad", "t3a"], AVX2),
    row("Rome", &["rome"], &["c5a", "c5ad", "g5"], AVX2),
    row(
        "Milan",
        &["milan"],
        &["c6a", "f2", "g6", "g6e", "g6f", "gr6", "gr6f", "hpc6a", "inf2", "m6a", "p5", "p5e", "r6a"],
        AVX2,
    ),
    row("Genoa", &["genoa"], &["c7a", "hpc7a", "m7a", "r7a"], ZEN4),
    row("Turin", &["turin"], &["c8a", "hpc8a", "m8a", "m8azn", "r8a", "x8aedz"], ZEN4),
];

const fn row(
    name: &'static str,
    words: &'static [&'static str],
    families: &'static [&'static str],
    sets: &'static [&'static str],
) -> ProcessorGeneration {
    ProcessorGeneration { name, words, families, sets }
}

/// Returns the processor of a family; `None` when it is unknown.
pub(crate) fn of(family: &str) -> Option<&'static ProcessorGeneration> {
    PROCESSORS.iter().find(|processor| processor.families.contains(&family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_one_processor() {
        let check =
            |family: &str, name: Option<&str>| assert_eq!(of(family).map(|p| p.name), name, "{family}");
        check("m7i-flex", Some("Sapphire Rapids"));
        check("m7a", Some("Genoa"));
        check("c7gn", Some("Graviton3E"));
        check("m5", Some("Skylake or Cascade Lake"));
        check("mac2", None);
        let mut all: Vec<_> = PROCESSORS.iter().flat_map(|p| p.families).collect();
        let rows = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), rows);
    }

    #[test]
    fn sets_lists_all_instruction_sets() {
        assert!(PROCESSORS.iter().flat_map(|p| p.sets).all(|set| SETS.contains(set)));
        assert!(SETS.iter().all(|set| PROCESSORS.iter().any(|p| p.sets.contains(set))));
    }
}
