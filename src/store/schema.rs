//! The tables, how they change from version to version, and how a database is opened.
//!
//! `user_version` counts the migrations a database has had; `application_id` tells it from other programs' databases. A
//! database that is newer, foreign or no database at all is refused before anything is written to it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::{StoreError, shown};

/// The migrations, oldest first; the n-th leads to `user_version` n. One that was ever released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];
/// "PLLX" in the header of the file.
const APPLICATION: i64 = 0x504c_4c58;
/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// The version of the tables this build writes.
pub(super) fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Opens the database at `path` for writing; makes it, with its folder, where there is none.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, StoreError> {
    if path.is_dir() {
        return Err(StoreError::Folder { path: shown(path) });
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::system(path, &error))?;
    }
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    check(&connection, path)?;
    // SQLite opens a file that may not be written all the same, and fails only at the first voice.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::Denied { path: shown(path), cause: "the file is read-only".into() });
    }
    use_wal(&connection).map_err(failed)?;
    // FULL: a commit is on the disk, not only with the system, before a voice counts as kept.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    migrate(&mut connection).map_err(failed)?;
    Ok(connection)
}

/// Opens the database at `path` for reading; `None` if nothing was ever stored there.
pub(super) fn open_to_read(path: &Path) -> Result<Option<Connection>, StoreError> {
    if path.is_dir() {
        return Err(StoreError::Folder { path: shown(path) });
    }
    match std::fs::metadata(path) {
        Ok(file) if file.len() == 0 => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::system(path, &error)),
    }
    let connection = readable(path)?;
    if check(&connection, path)? == version() {
        return Ok(Some(connection));
    }
    drop(connection);
    drop(open_to_write(path)?);
    readable(path).map(Some)
}

fn readable(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |name: &Path, flags| -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(name, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    match open(path, flags) {
        // A write-ahead log needs files beside the database, which a read-only folder does not take. Nobody else can
        // write there either, so the file may be read as it is, unless a log already holds what it lacks.
        Err(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
                && !has_log(path) =>
        {
            let uri = immutable_uri(path).ok_or_else(|| failed(error))?;
            open(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|file| file.len() > 0)
}

/// `None` for a path that is not Unicode.
fn immutable_uri(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let escaped = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Some(format!("file:{escaped}?immutable=1"))
}

/// The version of the database, 0 for an empty one, if it is one of ours and not newer than this build.
///
/// One transaction: while another process makes the tables, they must not be seen without the mark that they are ours.
fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let snapshot = connection.unchecked_transaction().map_err(failed)?;
    let number = |pragma: &str| snapshot.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed);
    let found = number("user_version")?;
    if number("application_id")? == APPLICATION {
        let known = version();
        return if found > known { Err(StoreError::Newer { path: shown(path), found, known }) } else { Ok(found) };
    }
    let tables: i64 = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 && found == 0 { Ok(0) } else { Err(StoreError::NotADatabase { path: shown(path) }) }
}

/// Readers and the writer do not wait for each other in a write-ahead log.
///
/// `SQLite` does not wait for another process that is switching the same new database, whatever the busy timeout.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// Brings the tables up to date. The version is read again under the lock: another process may have been quicker.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let current = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    if current(connection)? == version() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(current(&transaction)?).unwrap_or(0);
    for (migration, reached) in MIGRATIONS.iter().zip(1_i64..).skip(done) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", reached)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tables(connection: &Connection) -> Vec<String> {
        let mut select =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        let names = select.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).filter(|name: &String| !name.starts_with("sqlite_")).collect()
    }

    #[test]
    fn a_new_database_is_made_with_its_folder_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/runs.sqlite");
        assert!(open_to_read(&path).unwrap().is_none());
        for _ in 0..2 {
            let connection = open_to_write(&path).unwrap();
            assert_eq!(tables(&connection), ["panes", "prompts", "runs", "sessions", "voices"]);
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
            assert_eq!(check(&connection, &path), Ok(version()));
        }
        assert!(open_to_read(&path).unwrap().is_some());
    }

    #[test]
    fn a_database_of_an_earlier_version_is_brought_up_to_date_with_its_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.pragma_update(None, "application_id", APPLICATION).unwrap();
        old.execute("INSERT INTO sessions (id, started, pid) VALUES ('s', 'then', 1)", []).unwrap();
        let run = "INSERT INTO runs (id, session, started, status, seed, pack, question, question_text, model_name,
                                     model_path, engine_class, engine_profile, head)
                   VALUES ('r', 's', 'then', 'done', '1', '', 'q', '?', '', '', '', '', '{}')";
        old.execute(run, []).unwrap();
        drop(old);
        let connection = open_to_read(&path).unwrap().unwrap();
        assert_eq!(check(&connection, &path), Ok(version()));
        assert!(!tables(&connection).contains(&"measures".to_owned()));
        let untold: i64 = connection
            .query_row("SELECT count(*) FROM runs WHERE fingerprint IS NULL AND id = 'r'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(untold, 1, "a run of an earlier version is kept and answers for nothing");
        let session: String = connection.query_row("SELECT id FROM sessions", [], |row| row.get(0)).unwrap();
        assert_eq!(session, "s");
    }

    #[test]
    fn a_newer_or_foreign_database_is_refused_and_left_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let newer = folder.path().join("newer");
        drop(open_to_write(&newer).unwrap());
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", version() + 1).unwrap();
        let foreign = folder.path().join("foreign");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        for path in [newer, foreign] {
            let before = std::fs::read(&path).unwrap();
            let refused = open_to_write(&path).unwrap_err();
            assert_eq!(open_to_read(&path).unwrap_err(), refused);
            assert!(matches!(refused, StoreError::Newer { .. } | StoreError::NotADatabase { .. }), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn what_is_no_database_is_refused_and_left_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "dear diary, ".repeat(1000)).unwrap();
        let refused = StoreError::NotADatabase { path: shown(&text) };
        assert_eq!(open_to_write(&text).unwrap_err(), refused);
        assert_eq!(open_to_read(&text).unwrap_err(), refused);
        assert_eq!(std::fs::read_to_string(&text).unwrap(), "dear diary, ".repeat(1000));

        let here = StoreError::Folder { path: shown(folder.path()) };
        assert_eq!(open_to_write(folder.path()).unwrap_err(), here);
        assert_eq!(open_to_read(folder.path()).unwrap_err(), here);
        let below_a_file = text.join("runs.sqlite");
        assert!(matches!(open_to_write(&below_a_file).unwrap_err(), StoreError::Denied { .. }));
    }

    #[test]
    fn a_database_is_read_as_it_is_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50 % of ?#&.sqlite");
        drop(open_to_write(&path).unwrap());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable_uri(&path).unwrap(), flags).unwrap();
        assert_eq!(check(&connection, &path), Ok(version()));
        assert!(!has_log(&path));
    }

    #[test]
    fn many_may_open_a_new_database_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..40 {
            let path = folder.path().join(format!("runs-{round}.sqlite"));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| drop(open_to_write(&path).unwrap()));
                    scope.spawn(|| drop(open_to_read(&path).unwrap()));
                }
            });
        }
    }
}
