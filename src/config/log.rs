//! Log files that do not grow for ever.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// A log is begun anew beyond this size.
const MAX_LOG: u64 = 4 << 20;

/// Opens a log to be written to at its end, with its folder; a log that has grown long is begun anew.
pub fn open_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let is_long = fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_LOG);
    if is_long { File::create(path) } else { OpenOptions::new().create(true).append(true).open(path) }
}
