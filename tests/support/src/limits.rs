//! What a test's process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Limits this process: it can take this much memory, and leaves no core file behind.
///
/// Linux counts private writable memory, so that the address space that allocators only reserve does not count. Where
/// the system refuses, the test runs without the limit.
pub(crate) fn apply(memory_mib: u64) {
    lower(Resource::Data, memory_mib << 20);
    lower(Resource::Core, 0);
}

fn lower(resource: Resource, to: u64) {
    let now = getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(to, |limit| limit.min(to)));
    let _refused = setrlimit(resource, Rlimit { current: lower(now.current), maximum: lower(now.maximum) });
}
