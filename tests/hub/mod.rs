//! A small HTTP server that plays the hub, its file store, and their failures; and a place to run `parallax` in.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first byte that a range asks for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.trim_end_matches('-').parse().ok()
    }
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Close after this many bytes of the body.
    pub cut: Option<usize>,
    /// Say nothing more for this long before closing.
    pub hang: Option<Duration>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.into(), format!("{value}")));
        self
    }

    /// The file, or the part of it that a range asks for.
    pub fn file(asked: &Asked, content: &[u8]) -> Self {
        match asked.from() {
            Some(from) => Self { status: 206, body: content[from..].to_vec(), ..Self::default() }
                .with("Content-Range", format!("bytes {from}-{}/{}", content.len() - 1, content.len())),
            None => Self { status: 200, body: content.to_vec(), ..Self::default() },
        }
    }
}

/// A server on a free port; it remembers what it was asked.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer` gets the number of the request (from 0) and the request.
    pub fn start(answer: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let Some(request) = read(&stream) else { continue };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(request.clone());
                    log.len() - 1
                };
                let reply = answer(number, &request);
                // A client that has left is part of the game.
                let _ = write(stream, &request, &reply);
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    Some(Asked { method, path, headers })
}

fn write(mut stream: TcpStream, request: &Asked, reply: &Reply) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "Content-Length: {}\r\n\r\n", reply.body.len())?;
    if request.method != "HEAD" {
        stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
        stream.flush()?;
        if let Some(hang) = reply.hang {
            thread::sleep(hang);
        }
    }
    Ok(())
}

/// SHA-256 in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The answer to HEAD as the hub gives it: facts about the file, and a redirect to where it lies.
pub fn facts(content: &[u8], store: &str) -> Reply {
    Reply::status(302)
        .with("X-Linked-Etag", format!("\"{}\"", sha256(content)))
        .with("X-Linked-Size", content.len())
        .with("X-Repo-Commit", "c".repeat(40))
        .with("Location", format!("{store}/blob"))
}

/// A hub that has `content` under every name, with `get` answering the downloads on the same host.
pub fn hub_with(content: Vec<u8>, get: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> Server {
    let gets = Mutex::new(0);
    Server::start(move |_, asked| {
        if asked.method == "HEAD" {
            return facts(&content, "http://127.0.0.1:9");
        }
        let mut gets = gets.lock().unwrap();
        *gets += 1;
        get(*gets - 1, asked)
    })
}

/// Folders of one test.
pub struct Bench {
    root: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Bench {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub fn models(&self) -> PathBuf {
        self.root.path().join("data/models")
    }

    /// `parallax` with nothing of this machine's environment but what is given.
    pub fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_parallax"));
        command.env_clear().env("HOME", self.home()).env("PARALLAX_HOME", self.root.path().join("data"));
        command.envs(environment.iter().copied()).args(arguments).timeout(Duration::from_secs(60));
        command
    }

    pub fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
        let output = self.command(arguments, environment).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The names in the models folder of a repository `own/repo`.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.models().join("own/repo"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}
