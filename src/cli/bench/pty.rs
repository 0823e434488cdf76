//! A pseudo terminal: what the workbench takes for its terminal.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Both ends of a pseudo terminal; neither is inherited by a process unless it is given to it.
#[derive(Debug)]
pub(super) struct Pty {
    /// The end of the one who looks and types.
    pub(super) master: OwnedFd,
    /// The end of the program.
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// A new one of this size.
    pub(super) fn open((columns, rows): (u16, u16)) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
        Ok(Self { master, slave })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_program_sees_a_terminal_of_this_size() {
        let pty = Pty::open((160, 45)).unwrap();
        let size = rustix::termios::tcgetwinsize(&pty.slave).unwrap();
        assert_eq!((size.ws_col, size.ws_row), (160, 45));
        assert!(rustix::termios::isatty(&pty.slave));
    }
}
