//! Responses, kept before they are used.
//!
//! One SQLite file, which a person can open: `runs` has a row for each run, `responses` one for each response, with
//! the request it answers. It holds prompts and answers, hence texts of the user, and no secret.
//!
//! What is certain: a response that [`Journal::record`] has taken survives the end of the process by whatever means.
//! What is not: a request whose answer was on its way when the process ended is asked again, and a server may bill it
//! twice.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{GenerateError, Generator, Request, Response};

/// The version of the tables, in SQLite's `user_version`.
const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        plan TEXT NOT NULL,      -- what identifies the run, as a hash
        about TEXT NOT NULL,     -- what it does, for people
        fresh INTEGER NOT NULL,  -- 1: answers of other runs are not used
        finished INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE responses (
        key BLOB NOT NULL,       -- the hash of generator and request
        run INTEGER NOT NULL REFERENCES runs (id),
        generator TEXT NOT NULL,
        request TEXT NOT NULL,   -- JSON
        response TEXT NOT NULL,  -- JSON
        PRIMARY KEY (key, run)
    ) WITHOUT ROWID;
";

/// The key of a response: a hash of the generator's fingerprint and the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of what a generator answers to a request.
    pub fn of(generator: &dyn Generator, request: &Request) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(generator.fingerprint().as_bytes());
        hasher.update(b"\0");
        hasher.update(as_json(request).as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// In hexadecimal.
    pub fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

fn as_json<T: serde::Serialize>(value: &T) -> String {
    // Strings, numbers and lists alone: nothing in them can fail.
    serde_json::to_string(value).expect("requests and responses are JSON")
}

/// A response that the journal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The response.
    pub response: Response,
    /// Whether the run that asks has recorded it, perhaps before it was killed; else another run has.
    pub of_this_run: bool,
}

/// How a run meets what was recorded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// Answers of all runs are used; what is missing is asked.
    Cached,
    /// Answers of other runs are not used: everything is asked anew.
    Fresh,
    /// The last run of the same plan goes on, cached or fresh as it was, if it is unfinished. One that ended before it was
    /// answered anything stands behind an unfinished one before it.
    Resume,
}

/// Keeps responses.
#[derive(Debug)]
pub struct Journal {
    connection: Mutex<Connection>,
    path: PathBuf,
    run: i64,
    fresh: bool,
}

impl Journal {
    /// Opens a journal, made where there is none, and begins or continues a run. `plan` tells which runs are the same
    /// work, and may leave out what does not change the requests, such as filters; `about` is for people.
    ///
    /// # Errors
    /// The file cannot be opened, is no journal, or is one of a newer version; with [`RunMode::Resume`], no run has
    /// this plan, or the last one is finished.
    pub fn open(path: impl AsRef<Path>, plan: &str, about: &str, mode: RunMode) -> Result<Self, GenerateError> {
        let path = path.as_ref().to_owned();
        let connection = connect(&path)?;
        let plan = blake3::hash(plan.as_bytes()).to_hex();
        let failed = |source| failed(&path, source);
        let (run, fresh) = match mode {
            RunMode::Resume => {
                // A run that ended before it was answered anything is no work to go on with where an unfinished one
                // stands right before such runs.
                let last = "SELECT id, fresh, finished FROM runs WHERE plan = ?1
                    AND id >= (SELECT max(id) FROM runs WHERE plan = ?1
                        AND (finished = 1 OR EXISTS (SELECT 1 FROM responses WHERE run = runs.id))
                        UNION ALL SELECT 0 ORDER BY 1 DESC LIMIT 1)
                    ORDER BY finished, NOT EXISTS (SELECT 1 FROM responses WHERE run = runs.id), id DESC LIMIT 1";
                let row = connection.query_row(last, [plan.as_str()], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
                });
                match row.optional().map_err(failed)? {
                    Some((run, fresh, false)) => (run, fresh),
                    // An older one that was given up is not what the user means.
                    Some((.., true)) | None => return Err(GenerateError::NothingToResume { path }),
                }
            }
            RunMode::Cached | RunMode::Fresh => {
                let fresh = mode == RunMode::Fresh;
                let insert = "INSERT INTO runs (plan, about, fresh) VALUES (?, ?, ?)";
                connection.execute(insert, params![plan.as_str(), about, fresh]).map_err(failed)?;
                (connection.last_insert_rowid(), fresh)
            }
        };
        Ok(Self { connection: Mutex::new(connection), path, run, fresh })
    }

    /// A journal in memory, for work that nobody pays for.
    ///
    /// # Errors
    /// SQLite has no memory.
    pub fn in_memory() -> Result<Self, GenerateError> {
        Self::open(":memory:", "", "", RunMode::Cached)
    }

    /// The responses that are recorded under keys, `None` where there is none; of several the latest.
    ///
    /// # Errors
    /// The file cannot be read, or holds something that is no response.
    pub fn look_up(&self, keys: &[Key]) -> Result<Vec<Option<Recalled>>, GenerateError> {
        let connection = self.lock();
        let sql = if self.fresh {
            "SELECT response, run FROM responses WHERE key = ?1 AND run = ?2"
        } else {
            // Its own, else what the run would have found when it began, else what has come since.
            "SELECT response, run FROM responses WHERE key = ?1
             ORDER BY run > ?2, CASE WHEN run <= ?2 THEN -run ELSE run END LIMIT 1"
        };
        let mut statement = connection.prepare_cached(sql).map_err(|source| failed(&self.path, source))?;
        keys.iter()
            .map(|key| {
                let found: Option<(String, i64)> = statement
                    .query_row(params![key.0, self.run], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
                    .map_err(|source| failed(&self.path, source))?;
                found
                    .map(|(text, run)| match serde_json::from_str(&text) {
                        Ok(response) => Ok(Recalled { response, of_this_run: run == self.run }),
                        Err(error) => Err(GenerateError::Journal {
                            path: self.path.clone(),
                            problem: format!("the response {} cannot be read", key.to_hex()),
                            source: Some(error.into()),
                        }),
                    })
                    .transpose()
            })
            .collect()
    }

    /// Records responses, all or none of them. When this returns they are on the disk.
    ///
    /// # Errors
    /// Writing fails, as on a full disk.
    pub fn record(&self, generator: &str, responses: &[(Key, &Request, &Response)]) -> Result<(), GenerateError> {
        let mut connection = self.lock();
        let mut write = || {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT OR REPLACE INTO responses (key, run, generator, request, response) \
                           VALUES (?, ?, ?, ?, ?)";
                let mut insert = transaction.prepare_cached(sql)?;
                for (key, request, response) in responses {
                    insert.execute(params![key.0, self.run, generator, as_json(request), as_json(response)])?;
                }
            }
            transaction.commit()
        };
        write().map_err(|source| failed(&self.path, source))
    }

    /// Notes that nothing is left to resume: the run came to its end, or is of those that simply start again.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(&self) -> Result<(), GenerateError> {
        let done = self.lock().execute("UPDATE runs SET finished = 1 WHERE id = ?", [self.run]);
        done.map(|_| ()).map_err(|source| failed(&self.path, source))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no half transaction: SQLite rolls it back.
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection, GenerateError> {
    let failed = |source| failed(path, source);
    let connection = Connection::open(path).map_err(failed)?;
    // Two runs may share a journal; each waits for the other's short writes.
    connection.busy_timeout(Duration::from_secs(30)).map_err(failed)?;
    // First of all: what is somebody else's stays as it is.
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let connection = match version {
        VERSION => connection,
        0 => create(connection, path)?,
        newer => {
            return Err(GenerateError::Journal {
                path: path.to_owned(),
                problem: format!("it has version {newer} of the tables, this program knows version {VERSION}"),
                source: None,
            });
        }
    };
    // One fsync a commit, into the log alone.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    Ok(connection)
}

fn create(mut connection: Connection, path: &Path) -> Result<Connection, GenerateError> {
    let write = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // Another process may have been first.
        let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        if version == 0 && tables == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(version == 0 && tables > 0)
    };
    if write(&mut connection).map_err(|source| failed(path, source))? {
        let problem = "it is a database of something else".to_owned();
        return Err(GenerateError::Journal { path: path.to_owned(), problem, source: None });
    }
    Ok(connection)
}

fn failed(path: &Path, source: rusqlite::Error) -> GenerateError {
    let problem = match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "it is no SQLite file".to_owned(),
        _ => "it cannot be read or written".to_owned(),
    };
    GenerateError::Journal { path: path.to_owned(), problem, source: Some(source.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Echo, prompt};
    use crate::{Sampling, Usage};

    fn request(seed: u64) -> Request {
        Request { input: prompt("hello"), n_choices: 1, max_tokens: 9, sampling: Sampling::default(), seed }
    }

    fn recalled(text: &str, of_this_run: bool) -> Recalled {
        Recalled { response: response(text), of_this_run }
    }

    fn response(text: &str) -> Response {
        Response { choices: vec![text.to_owned()], usage: Usage::default() }
    }

    #[test]
    fn what_is_recorded_is_there_when_the_file_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.sqlite");
        let (one, two) = (Key::of(&Echo, &request(1)), Key::of(&Echo, &request(2)));
        let journal = Journal::open(&path, "p", "a", RunMode::Cached).unwrap();
        journal.record("echo", &[(one, &request(1), &response("x"))]).unwrap();
        drop(journal);
        let journal = Journal::open(&path, "other", "a", RunMode::Cached).unwrap();
        assert_eq!(journal.look_up(&[one, two]).unwrap(), [Some(recalled("x", false)), None]);
    }

    #[test]
    fn a_fresh_run_sees_its_own_answers_alone_and_can_be_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.sqlite");
        let key = Key::of(&Echo, &request(1));
        let old = Journal::open(&path, "p", "a", RunMode::Cached).unwrap();
        old.record("echo", &[(key, &request(1), &response("old"))]).unwrap();
        old.finish().unwrap();
        assert!(matches!(Journal::open(&path, "p", "a", RunMode::Resume), Err(GenerateError::NothingToResume { .. })));
        let fresh = Journal::open(&path, "p", "a", RunMode::Fresh).unwrap();
        assert_eq!(fresh.look_up(&[key]).unwrap(), [None]);
        fresh.record("echo", &[(key, &request(1), &response("new"))]).unwrap();
        drop(fresh);
        let resumed = Journal::open(&path, "p", "a", RunMode::Resume).unwrap();
        assert_eq!(resumed.look_up(&[key]).unwrap(), [Some(recalled("new", true))]);
        // Once a later run of the plan has come to its end, the one that was given up is not resumed.
        Journal::open(&path, "p", "a", RunMode::Cached).unwrap().finish().unwrap();
        assert!(matches!(Journal::open(&path, "p", "a", RunMode::Resume), Err(GenerateError::NothingToResume { .. })));
    }

    #[test]
    fn a_run_without_an_answer_hides_no_work_and_is_not_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.sqlite");
        let key = Key::of(&Echo, &request(1));
        let open = |mode| Journal::open(&path, "p", "a", mode);
        let work = open(RunMode::Cached).unwrap();
        work.record("echo", &[(key, &request(1), &response("x"))]).unwrap();
        open(RunMode::Cached).unwrap();
        let resumed = open(RunMode::Resume).unwrap();
        assert_eq!(resumed.look_up(&[key]).unwrap(), [Some(recalled("x", true))], "the one with an answer");
        resumed.finish().unwrap();
        // Of the two, nothing is left but the empty one, which came later.
        assert_eq!(open(RunMode::Resume).unwrap().look_up(&[key]).unwrap(), [Some(recalled("x", false))]);
        open(RunMode::Cached).unwrap().finish().unwrap();
        assert!(matches!(open(RunMode::Resume), Err(GenerateError::NothingToResume { .. })));
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(
            &text,
            "certainly not a database, and longer than the header of one is, which is 100 bytes long; more …",
        )
        .unwrap();
        let error = Journal::open(&text, "", "", RunMode::Cached).unwrap_err();
        assert!(error.to_string().contains("no SQLite file"), "{error}");
        let other = dir.path().join("other");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let before = std::fs::read(&other).unwrap();
        let error = Journal::open(&other, "", "", RunMode::Cached).unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
        assert_eq!(std::fs::read(&other).unwrap(), before, "it is left as it was");
        let newer = dir.path().join("newer");
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Journal::open(&newer, "", "", RunMode::Cached).unwrap_err();
        assert!(error.to_string().contains("version 99"), "{error}");
    }

    #[test]
    fn keys_depend_on_all_of_the_request() {
        let mut other = request(1);
        other.sampling.temperature = 0.5;
        let keys = [Key::of(&Echo, &request(1)), Key::of(&Echo, &request(2)), Key::of(&Echo, &other)];
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }
}
