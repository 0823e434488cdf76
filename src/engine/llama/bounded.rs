//! A bound on the memory of this process while somebody else's template runs in it.

/// Bytes that may be taken beyond what is held already.
#[cfg(target_os = "linux")]
const MOST: u64 = 1 << 30;

/// While it lives, the process gets no more than [`MOST`] bytes: what asks for more ends it, which costs one run, and nothing
/// else of the machine. minijinja's fuel is counted after a value was made, and a list that was doubled sixty times is only made
/// when it is written. Linux alone; elsewhere the fuel is all there is.
#[derive(Debug)]
pub(super) struct Bounded {
    #[cfg(target_os = "linux")]
    before: Option<rustix::process::Rlimit>,
}

impl Bounded {
    #[cfg(target_os = "linux")]
    pub(super) fn begin() -> Self {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let before = getrlimit(Resource::As);
        let limit = held().map(|held| held.saturating_add(MOST));
        let is_lower = limit.filter(|limit| before.current.is_none_or(|current| *limit < current));
        let set = is_lower.is_some_and(|limit| {
            setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: before.maximum }).is_ok()
        });
        Self { before: set.then_some(before) }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn begin() -> Self {
        Self {}
    }
}

#[cfg(target_os = "linux")]
impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            // The limit was lowered by this process, so it may be raised to where it was.
            let _ = rustix::process::setrlimit(rustix::process::Resource::As, before);
        }
    }
}

/// Bytes of address space in use.
#[cfg(target_os = "linux")]
fn held() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn the_limit_is_there_for_a_while() {
        let before = getrlimit(Resource::As);
        let bounded = Bounded::begin();
        let during = getrlimit(Resource::As).current;
        drop(bounded);
        assert!(during.is_some_and(|during| held().is_some_and(|held| during > held && during < held + 2 * MOST)));
        assert_eq!(getrlimit(Resource::As), before);
    }
}
