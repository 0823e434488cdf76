//! A workbench with a data folder of its own, and what the tests ask of it.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use parallax::store::{RunStatus, StoredVoice};
use serde_json::Value;

use crate::pty::Pty;
use crate::support::{Parallax, children};

/// No end takes so long; the program itself gives up waiting after a few seconds.
pub const SOON: Duration = Duration::from_secs(30);
/// An engine without its program ends itself.
pub const ORPHANS_END_WITHIN: Duration = Duration::from_secs(15);
/// Slow enough that a key comes into the middle of a run, quick enough to wait for its end.
pub const SLOW: &str = "scripted:slow@15";
/// A run of it does not end within a test.
pub const ENDLESS: &str = "scripted:slow@400";
/// The first question of the first pack, as its first words stand on one line.
pub const FIRST_QUESTION: &str = "Do you agree or disagree";

/// How a workbench is started.
pub struct Start<'a> {
    engine: &'a str,
    arguments: Vec<&'a str>,
    env: Vec<(&'a str, &'a str)>,
    size: (u16, u16),
    under_shell: bool,
    parallax: Option<Parallax>,
}

impl<'a> Start<'a> {
    /// With this engine, at 160 columns and 45 rows.
    pub fn with(engine: &'a str) -> Self {
        let (arguments, env) = (Vec::new(), Vec::new());
        Self { engine, arguments, env, size: (160, 45), under_shell: false, parallax: None }
    }

    pub fn size(self, columns: u16, rows: u16) -> Self {
        Self { size: (columns, rows), ..self }
    }

    pub fn env(mut self, name: &'a str, value: &'a str) -> Self {
        self.env.push((name, value));
        self
    }

    pub fn arguments(mut self, arguments: &[&'a str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    pub fn under_shell(self) -> Self {
        Self { under_shell: true, ..self }
    }

    /// In the data folder of an earlier one.
    pub fn home(self, parallax: Parallax) -> Self {
        Self { parallax: Some(parallax), ..self }
    }

    /// Starts it and waits until the model can be used.
    pub fn ready(self) -> Workbench {
        let bench = self.begin();
        bench.wait_for("bit-exact");
        if bench.inspect(|screen| screen.size().1.get()) >= 120 {
            bench.wait_for(FIRST_QUESTION);
        }
        bench
    }

    /// Starts it and waits for nothing.
    pub fn begin(self) -> Workbench {
        let parallax = self.parallax.unwrap_or_else(Parallax::new);
        let home = parallax.home().to_str().unwrap().to_owned();
        let env = [vec![("PARALLAX_HOME", home.as_str()), ("HOME", home.as_str())], self.env].concat();
        let arguments = [vec!["--engine", self.engine], self.arguments].concat();
        let start = if self.under_shell { Pty::under_shell } else { Pty::spawn };
        let pty = start(&Parallax::program(), &arguments, &env, self.size.1, self.size.0);
        Workbench { pty, parallax }
    }
}

/// The program, its terminal and its data folder.
pub struct Workbench {
    pty: Pty,
    pub parallax: Parallax,
}

impl Deref for Workbench {
    type Target = Pty;

    fn deref(&self) -> &Pty {
        &self.pty
    }
}

impl DerefMut for Workbench {
    fn deref_mut(&mut self) -> &mut Pty {
        &mut self.pty
    }
}

impl Workbench {
    /// A ready one at 160 x 45.
    pub fn ready(engine: &str) -> Self {
        Start::with(engine).ready()
    }

    /// Whether the words of `text` stand one after the other in one column, on however many lines.
    pub fn shows(&self, text: &str) -> bool {
        let screen = self.screen();
        let (_, width) = self.inspect(vt100::Screen::size);
        let width = width.get();
        let (side, third) = ((width / 4).clamp(30, 44).min(width), width.saturating_sub((width / 4).clamp(30, 44)) / 3);
        let parts = [(0, width), (0, side), (side, width - side)].into_iter();
        let parts = parts.chain((0..3).map(|place| (side + place * third, third)));
        let mut columns: Vec<String> = parts
            .map(|(from, cells)| {
                self.inspect(|screen| {
                    screen.rows(from, cells).map(|row| row + "\n").collect::<String>().replace('│', " ")
                })
            })
            .collect();
        // What lies over the columns stands between bars.
        columns.push(
            screen.lines().filter_map(|line| line.split('│').nth(1)).fold(String::new(), |all, part| all + part + "\n"),
        );
        let wanted = words(text);
        columns.iter().any(|column| words(column).contains(&wanted))
    }

    /// Waits until the words of `text` stand one after the other in one column.
    pub fn wait_for_sentence(&self, text: &str) {
        self.wait_until(&format!("the screen says {text:?}"), |_| self.shows(text));
    }

    /// Waits until the screen no longer shows `text`.
    pub fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("the screen no longer shows {text:?}"), |pty| !pty.screen().contains(text));
    }

    /// Starts a run and waits for the first words of a voice.
    pub fn run(&mut self) {
        self.key("enter");
        self.wait_for_text();
    }

    /// Waits until a voice has words.
    pub fn wait_for_text(&self) {
        self.wait_until("a voice has words", |pty| tokens(&pty.screen()) > 0);
    }

    /// Waits until a voice has ended and is on disk.
    pub fn wait_for_voice(&self) {
        self.wait_until("a voice is on disk", |_| !self.parallax.finished_voices().is_empty());
    }

    /// Waits until every column has ended well.
    pub fn wait_until_done(&self) {
        for column in ["1 Overton ✓", "2 Steered ✓", "3 Distribution ✓"] {
            self.wait_for(column);
        }
    }

    /// The newest run, once all of it is on disk: the screen may be a little ahead of it.
    pub fn stored(&self) -> Value {
        let mut newest = None;
        self.wait_until("the run is on disk", |_| {
            newest = self.parallax.newest();
            newest.as_ref().is_some_and(|(_, status)| *status == RunStatus::Done)
        });
        self.parallax.shown(&newest.unwrap().0)
    }

    /// The voices of the newest run, once all of it is on disk.
    pub fn voices(&self) -> Vec<StoredVoice> {
        self.stored();
        self.parallax.finished_voices()
    }

    /// The engine's process.
    pub fn engine(&self) -> u32 {
        let engines = children(self.pid());
        assert_eq!(engines.len(), 1, "one engine: {engines:?}");
        engines[0]
    }

    /// Everything written so far; it must be text.
    pub fn raw(&self) -> String {
        String::from_utf8(self.raw_bytes()).unwrap()
    }

    /// Presses `q`; it ends well and leaves the terminal as it was, and no process.
    pub fn quits(mut self) -> Parallax {
        self.key("q");
        self.ends(0)
    }

    /// Ends with this code; the terminal is as it was, and no process is left.
    pub fn ends(mut self, code: u32) -> Parallax {
        let status = self.exit_status(SOON);
        assert_eq!((status.exit_code(), status.signal()), (code, None), "{}", self.screen());
        self.is_restored().unwrap();
        self.synchronised_frames().unwrap();
        self.parallax.assert_no_process_within(ORPHANS_END_WITHIN);
        self.parallax
    }
}

/// What is said, whatever lines it stands on.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The largest number of tokens that the screen gives a voice: `The model  7 tok`.
pub fn tokens(screen: &str) -> usize {
    let places = screen.match_indices(" tok").filter(|(at, word)| {
        let next = screen[at + word.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphabetic() || next == '/')
    });
    places.filter_map(|(at, _)| screen[..at].rsplit(' ').next()?.parse().ok()).max().unwrap_or(0)
}

/// Whether the screen shows words of a voice, which stand behind a bar and a blank.
pub fn has_text(screen: &str) -> bool {
    screen.split("▌ ").skip(1).any(|text| text.starts_with(char::is_alphabetic))
}

#[test]
fn only_the_tokens_of_voices_are_counted() {
    assert_eq!(tokens("at most 512 tokens, 48 tok/s, 12 of 99 prompt tok reused, 3 voices · 270 tokens"), 0);
    assert_eq!(tokens("The model  7 tok\nNurse  → Yes · 12 tok · stopped"), 12);
}
