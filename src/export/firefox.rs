//! The processed format of the Firefox Profiler: call paths with their instructions, as the weights of samples.

use std::time::{Duration, UNIX_EPOCH};

use fxprof_processed_profile::{
    CategoryColor, CpuDelta, Frame, FrameFlags, FrameInfo, Profile, ReferenceTimestamp, SamplingInterval, StackHandle,
    ThreadHandle, Timestamp, WeightType,
};
use rustc_hash::FxHashMap;

use super::feed::failed;
use super::stacks::Stacks;
use super::target::Target;
use super::tree::{Summed, Tree};
use crate::trace::SinkError;

/// The export.
pub struct Firefox;

impl Firefox {
    #[expect(clippy::new_ret_no_self, reason = "the exports are named by their forms")]
    pub fn new(target: Target) -> Stacks<Summed> {
        Stacks::new(Summed::new(target, write))
    }
}

fn write(tree: &Tree, out: &mut Target) -> Result<(), SinkError> {
    // No time is in a trace, and the same trace gives the same bytes.
    let start = ReferenceTimestamp::from(UNIX_EPOCH + Duration::ZERO);
    let mut profile = Profile::new("bctrace", start, SamplingInterval::from_millis(1));
    profile.set_symbolicated(true);
    let library = profile.add_category("Standard library", CategoryColor::LightBlue).into();
    let program = profile.add_category("Program", CategoryColor::Orange).into();
    let origin = Timestamp::from_nanos_since_reference(0);
    let process = profile.add_process("python2.7", 1, origin);
    let mut threads: FxHashMap<u32, (ThreadHandle, u64)> = FxHashMap::default();
    let mut stacks: Vec<Option<StackHandle>> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let Some(parent) = node.parent else {
            let thread = profile.add_thread(process, node.thread.saturating_add(1), origin, threads.is_empty());
            profile.set_thread_name(thread, &format!("thread {}", node.thread));
            profile.set_thread_samples_weight_type(thread, WeightType::Samples);
            profile.add_initial_visible_thread(thread);
            threads.insert(node.thread, (thread, 0));
            stacks.push(None);
            continue;
        };
        let Some((thread, time)) = threads.get_mut(&node.thread) else {
            stacks.push(None);
            continue;
        };
        let name = tree.names.get(node.name);
        let label = profile.intern_string(&name.with_place());
        let category_pair = if name.is_stdlib { library } else { program };
        let info = FrameInfo { frame: Frame::Label(label), category_pair, flags: FrameFlags::empty() };
        let frame = profile.intern_frame(*thread, info);
        let stack = profile.intern_stack(*thread, stacks[parent as usize], frame);
        stacks.push(Some(stack));
        // A weight is 32 bits wide.
        let mut left = node.instructions;
        while left > 0 {
            let weight = left.min(i32::MAX as u64);
            let at = Timestamp::from_nanos_since_reference(*time * 1_000_000);
            profile.add_sample(*thread, at, Some(stack), CpuDelta::ZERO, weight as i32);
            *time += 1;
            left -= weight;
        }
    }
    serde_json::to_writer(out, &profile).map_err(failed)
}
