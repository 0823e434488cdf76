//! The control groups of Linux that this process is in: containers limit memory and processor time through them.
//! Versions 1 and 2. Everything is read below a `root`, which is `/` outside tests.

use std::path::{Path, PathBuf};

/// How the files of a group are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A group and what it is read by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    folder: PathBuf,
}

impl Group {
    /// The text of one of its files.
    pub(super) fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(file)).ok()
    }

    /// A file that holds one number; `None` also for `max` and -1.
    pub(super) fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }
}

/// The groups that limit `controller` (`memory`, `cpu`) for this process, from its own to the outermost that can be seen.
pub(super) fn groups(root: &Path, controller: &str) -> Vec<Group> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let (own, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let mut all = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let version = if number == "0" && controllers.is_empty() {
            Version::Two
        } else if controllers.split(',').any(|name| name == controller) {
            Version::One
        } else {
            continue;
        };
        let Some((top, mount)) = mounts.lines().find_map(|line| mounted(line, version, controller)) else { continue };
        let mount = root.join(mount.trim_start_matches('/'));
        // Inside a container the path may be the outer one, of which only the mounted part can be seen.
        let below = path.strip_prefix(top.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
        let inner = mount.join(below);
        let inner = if below.split('/').any(|part| part == "..") || !inner.is_dir() { mount.clone() } else { inner };
        let folders = inner.ancestors().take_while(|folder| folder.starts_with(&mount));
        all.extend(folders.map(|folder| Group { version, folder: folder.to_owned() }));
    }
    all
}

/// Which group is mounted where, if this line of `mountinfo` is such a mount.
fn mounted(line: &str, version: Version, controller: &str) -> Option<(String, String)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (top, mount) = (place.next()?, place.next()?);
    let mut kind = kind.split(' ');
    let is_it = match (kind.next()?, version) {
        ("cgroup2", Version::Two) => true,
        ("cgroup", Version::One) => kind.nth(1)?.split(',').any(|option| option == controller),
        _ => false,
    };
    is_it.then(|| (unescaped(top), unescaped(mount)))
}

/// The kernel writes spaces in paths as octal numbers.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ").replace("\\134", "\\")
}

/// A tree of small files, as the kernel shows them.
#[cfg(test)]
pub(super) fn fixture(files: &[(&str, &str)]) -> tempfile::TempDir {
    #![allow(clippy::unwrap_used)]
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        32 31 0:29 / /sys/fs/cgroup/cpu\\040acct rw - cgroup cgroup rw,cpu,cpuacct\n";

    fn folders(root: &tempfile::TempDir, controller: &str) -> Vec<String> {
        let path = |group: Group| group.folder.strip_prefix(root.path()).map(|path| path.display().to_string());
        groups(root.path(), controller).into_iter().filter_map(|group| path(group).ok()).collect()
    }

    #[test]
    fn groups_are_walked_from_the_innermost_outwards() {
        let root = fixture(&[
            ("proc/self/cgroup", "0::/user.slice/a.scope\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/user.slice/a.scope/memory.max", "max\n"),
        ]);
        let expected = ["sys/fs/cgroup/user.slice/a.scope", "sys/fs/cgroup/user.slice", "sys/fs/cgroup"];
        assert_eq!(folders(&root, "memory"), expected);
    }

    #[test]
    fn each_controller_of_version_one_has_its_own_tree() {
        let root = fixture(&[
            ("proc/self/cgroup", "4:memory:/box\n1:cpu,cpuacct:/\n0::/\n"),
            ("proc/self/mountinfo", V1),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "7\n"),
        ]);
        assert_eq!(folders(&root, "memory"), ["sys/fs/cgroup/memory/box", "sys/fs/cgroup/memory"]);
        assert_eq!(folders(&root, "cpu"), ["sys/fs/cgroup/cpu acct"]);
        assert_eq!(groups(root.path(), "memory")[0].number("memory.usage_in_bytes"), Some(7));
    }

    #[test]
    fn a_container_that_shows_the_outer_path_is_read_at_its_mount() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        for path in ["/docker/abc", "/elsewhere", "/docker/abc/../.."] {
            let own = format!("4:memory:{path}\n");
            let root = fixture(&[
                ("proc/self/cgroup", &own),
                ("proc/self/mountinfo", mounts),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "7"),
            ]);
            assert_eq!(folders(&root, "memory"), ["sys/fs/cgroup/memory"], "{path}");
        }
        assert_eq!(folders(&fixture(&[]), "memory"), [""; 0]);
    }
}
