//! Ctrl-C during long work on models: the work is told, and the process ends even if the work does not listen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::cli::EXIT_INTERRUPTED;

/// How long the work may take to notice: it looks at every piece, but a connection may be silent for longer.
const GRACE: Duration = Duration::from_secs(1);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A flag that becomes true at Ctrl-C. Partial files are written piece by piece, so leaving at once loses nothing.
pub(super) fn flag() -> &'static AtomicBool {
    let waiting = thread::Builder::new().name("interrupt".into()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::signal::ctrl_c())?;
        INTERRUPTED.store(true, Ordering::Relaxed);
        thread::sleep(GRACE);
        eprintln!("parallax: interrupted; what was fetched so far is kept, run the same command again to go on");
        std::process::exit(EXIT_INTERRUPTED.into());
        #[expect(unreachable_code, reason = "gives the closure its type")]
        std::io::Result::Ok(())
    });
    if let Err(error) = waiting {
        tracing::debug!(%error, "Ctrl-C will end the process at once");
    }
    &INTERRUPTED
}
