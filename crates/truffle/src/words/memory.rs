//! Decides whether a size of memory is that of the instance or of each GPU: `a100 80gb` is the A100
//! with 80 GiB, and `t4 64gb` a T4 in an instance with 64 GiB.

use super::vocabulary::{has_model, is_same_size};
use super::{SearchVocabulary, WordCondition, WordDimension, satisfies};
use crate::filter::{FilterCondition, NumericFact, TextFact};
use crate::range::{MemorySize, RangeBound, ValueRange};

/// The mark of a size that the words call the instance's memory.
const RAM: &str = " ram";

/// Marks a size of memory that the words call the instance's.
pub(super) fn mark(wish: WordCondition, is_ram: bool) -> WordCondition {
    if !is_ram {
        return wish;
    }
    WordCondition { typed: format!("{}{RAM}", wish.typed), ..wish }
}

/// Makes a size beside a GPU that has this size the memory of each GPU. So is a size elsewhere in
/// the words if no instance with that GPU has it. The mark of the instance's memory stays where the
/// size would be read in another way without it.
pub(super) fn settle(wishes: &mut [WordCondition], vocabulary: &SearchVocabulary) {
    for at in 0..wishes.len() {
        if wishes[at].dimension != WordDimension::Memory {
            continue;
        }
        let of_gpu = gpu_memory(wishes, at, vocabulary);
        let wish = &mut wishes[at];
        match (wish.typed.strip_suffix(RAM), of_gpu) {
            (Some(_), Some(_)) | (None, None) => {}
            (Some(plain), None) => wish.typed = plain.to_string(),
            (None, Some(of_gpu)) => *wish = of_gpu,
        }
    }
}

/// Returns the memory of each GPU, if the size can mean it.
fn gpu_memory(wishes: &[WordCondition], at: usize, vocabulary: &SearchVocabulary) -> Option<WordCondition> {
    let size = &wishes[at];
    let range: ValueRange<MemorySize> = size.typed.trim_end_matches(RAM).parse().ok()?;
    let fits = |models: &[String]| {
        let sizes = vocabulary.gpu_sizes(models);
        let (low, high) = range.ends();
        let is_size = |end: MemorySize| sizes.iter().any(|size| is_same_size(end.number(), *size as f64));
        [low, high].into_iter().flatten().any(is_size)
    };
    let is_beside = neighbours(wishes, at).into_iter().flatten().any(fits);
    let in_an_instance = |models: &[String]| {
        vocabulary.facts.iter().any(|t| has_model(t, models) && satisfies(t, &size.condition))
    };
    let is_elsewhere =
        || wishes.iter().filter_map(models).any(|models| fits(models) && !in_an_instance(models));
    (is_beside || is_elsewhere()).then(|| vocabulary.gpu_memory(range))
}

/// Returns the models on both sides of a wish. A number of GPUs may stand between.
fn neighbours(wishes: &[WordCondition], at: usize) -> [Option<&[String]>; 2] {
    let is_count = |wish: &&WordCondition| wish.dimension == WordDimension::Gpus;
    let before = wishes[..at].iter().rev().find(|wish| !is_count(wish));
    let after = wishes[at + 1..].iter().find(|wish| !is_count(wish));
    [before.and_then(models), after.and_then(models)]
}

fn models(wish: &WordCondition) -> Option<&[String]> {
    match &wish.condition {
        FilterCondition::Text(TextFact::Accelerator, models) => Some(models),
        _ => None,
    }
}

/// Describes the GPU memory beside a size of the instance's memory that nothing satisfies: "a100
/// has 40 or 80 GiB of memory in each GPU: --gpu-memory-each". `None` if the words have no such
/// pair.
pub(super) fn describe(wishes: &[WordCondition], vocabulary: &SearchVocabulary) -> Option<String> {
    let is_size =
        |wish: &&WordCondition| matches!(wish.dimension, WordDimension::Memory | WordDimension::GpuMemory);
    wishes.iter().find(is_size)?;
    let gpu = wishes.iter().find(|wish| models(wish).is_some_and(|m| !vocabulary.gpu_sizes(m).is_empty()))?;
    let sizes = vocabulary.gpu_sizes(models(gpu)?);
    let shown: Vec<String> = sizes.iter().map(|size| NumericFact::GpuMemoryEach.show(*size as f64)).collect();
    Some(format!("{} has {} GiB of memory in each GPU: --gpu-memory-each", gpu.typed, shown.join(" or ")))
}
