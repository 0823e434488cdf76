//! Who is writing a run, and whether that process still lives: how a run that was killed is told from one under way.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One start of the program. All runs of one start are a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// Unique among all starts that write to one database.
    pub session: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub pid: u32,
    /// Tells the process from a later one with its number; absent where the system does not say.
    pub birth: Option<String>,
}

impl Owner {
    /// This process.
    pub fn current() -> &'static Self {
        static CURRENT: OnceLock<Owner> = OnceLock::new();
        CURRENT.get_or_init(|| {
            let pid = std::process::id();
            let birth = birth(pid);
            let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
            // The birth is in it because containers that share a folder may share pids too.
            let digest = Sha256::digest(format!("{nanos} {pid} {birth:?}"));
            let tail = digest.iter().take(4).fold(0_u32, |tail, byte| tail << 8 | u32::from(*byte));
            let started = now();
            let stamp: String = started.chars().filter(char::is_ascii_digit).take(14).collect();
            Self { session: format!("{stamp}-{tail:08x}"), started, pid, birth }
        })
    }

    /// Whether the process that wrote under `session` can still go on with its runs.
    pub fn is_alive(session: &str, pid: u32, birth: Option<&str>) -> bool {
        if session == Self::current().session {
            return true;
        }
        // Where a process cannot be asked for its birth, only the own one is known to live.
        birth.is_some_and(|birth| self::birth(pid).is_some_and(|now| now == birth))
    }
}

/// The time of the wall clock to the millisecond, RFC 3339, UTC.
pub(super) fn now() -> String {
    OffsetDateTime::now_utc().truncate_to_millisecond().format(&Rfc3339).unwrap_or_default()
}

/// The boot and the clock tick in which the process `pid` began; `None` if there is none, or only its zombie.
#[cfg(target_os = "linux")]
fn birth(pid: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything: count from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| format!("{}:{start}", boot.trim()))
}

#[cfg(not(target_os = "linux"))]
fn birth(_pid: u32) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn this_process_lives_and_has_one_session() {
        let owner = Owner::current();
        assert_eq!(owner, Owner::current());
        assert_eq!(owner.session.len(), 14 + 1 + 8, "{}", owner.session);
        assert!(Owner::is_alive(&owner.session, owner.pid, owner.birth.as_deref()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_known_by_its_birth_and_dead_when_it_is_a_zombie() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let born = birth(child.id()).unwrap();
        assert!(Owner::is_alive("other", child.id(), Some(&born)));
        assert!(!Owner::is_alive("other", child.id(), Some("another boot:1")));
        assert!(!Owner::is_alive("other", child.id(), None));
        child.kill().unwrap();
        // Not waited for yet: the number is taken, the process is gone.
        while birth(child.id()).is_some() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!Owner::is_alive("other", child.id(), Some(&born)));
    }
}
