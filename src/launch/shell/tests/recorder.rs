//! A world of a few files and programs that records the commands that it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::launch::chain::StepId;
use crate::launch::environment::{Environment, Value};
use crate::launch::shell::{
    Command, Dialect, Ended, FileTest, Options, RunMode, Script, Word, World, evaluate,
};

/// A world in which some programs exist.
#[derive(Default)]
pub(super) struct Recorder {
    /// The status of each program; `None` if it is unknown.
    pub programs: BTreeMap<String, Option<u8>>,
    /// Files and their contents. A path that ends with a slash is a directory.
    pub files: BTreeMap<String, String>,
    /// Programs that run forever, or may do so.
    pub servers: Vec<String>,
    /// The commands that were run: `!` for certain, `?` for possible; `&` `|` `exec` for the place; the
    /// arguments.
    pub log: Vec<String>,
    /// The environments, in the same order.
    pub environments: Vec<Environment>,
    pub cwds: Vec<Option<String>>,
    pub lines: Vec<u32>,
    pub uid: Option<u32>,
    pub steps: u32,
}

impl Recorder {
    /// Creates a world with these programs, each of which succeeds.
    pub(super) fn with(programs: &[&str]) -> Self {
        let known = |name: &&str| ((*name).to_owned(), Some(0));
        Self {
            programs: programs.iter().map(known).collect(),
            uid: Some(0),
            steps: 1_000_000,
            ..Self::default()
        }
    }
}

fn shown(word: &Word) -> String {
    match word {
        Word::Known(text) if text.is_empty() || text.contains([' ', '\n']) => format!("{text:?}"),
        Word::Known(text) => text.clone(),
        Word::Unknown => "<?>".to_owned(),
        Word::UnknownMany => "<?*>".to_owned(),
    }
}

impl World for Recorder {
    fn run(&mut self, command: Command) -> Ended {
        let mut line = String::from(if command.certain { "!" } else { "?" });
        line.push_str(match command.place {
            RunMode::Foreground => "",
            RunMode::Background => "&",
            RunMode::Exec => "exec ",
            RunMode::Pipe => "|",
        });
        let words: Vec<String> = command.argv.iter().map(shown).collect();
        let _ = write!(line, "{}", words.join(" "));
        self.log.push(line);
        self.environments.push(command.environment);
        self.cwds.push(command.cwd);
        self.lines.push(command.line);
        let step = StepId(u32::try_from(self.log.len()).unwrap());
        let ended = |status, cause, may_stay| Ended {
            status,
            cause,
            may_stay,
        };
        match command.argv.first() {
            Some(Word::Known(name)) => {
                let stays = self.servers.contains(name);
                match self.programs.get(name) {
                    Some(_) if stays => ended(None, None, true),
                    Some(status) => ended(*status, None, false),
                    None => ended(Some(127), Some(step), false),
                }
            }
            _ => ended(None, None, false),
        }
    }

    fn find(&self, name: &str, _: &Environment, _: Option<&str>) -> Option<Option<String>> {
        let known = self.programs.contains_key(name);
        Some(known.then(|| {
            if name.contains('/') {
                name.to_owned()
            } else {
                format!("/bin/{name}")
            }
        }))
    }

    fn test(&self, test: FileTest, path: &str) -> Option<bool> {
        if ["/tmp", "/proc", "/dev"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
        {
            return None;
        }
        let directory = path == "/"
            || self
                .files
                .keys()
                .any(|file| file.starts_with(&format!("{}/", path.trim_end_matches('/'))));
        let file = self.files.get(path);
        Some(match test {
            FileTest::Exists | FileTest::Readable | FileTest::Writable => {
                directory || file.is_some()
            }
            FileTest::Regular => file.is_some(),
            FileTest::Directory => directory,
            FileTest::NotEmpty => directory || file.is_some_and(|text| !text.is_empty()),
            FileTest::Executable => directory || file.is_some_and(|text| text.starts_with("#!")),
            FileTest::Link | FileTest::Special => false,
        })
    }

    fn read(&self, path: &str) -> Option<String> {
        self.files.get(path).cloned()
    }

    fn list(&self, path: &str) -> Option<Vec<String>> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|file| file.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.dedup();
        (!names.is_empty()).then_some(names)
    }

    fn real_path(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }

    fn ids(&self) -> Option<(u32, u32)> {
        self.uid.map(|uid| (uid, uid))
    }

    fn user_name(&self) -> Option<String> {
        Some("root".to_owned())
    }

    fn machine(&self) -> Option<&'static str> {
        Some("x86_64")
    }

    fn not_understood(&mut self) {}

    fn spend(&mut self, steps: u32) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.steps > 0
    }
}

/// Evaluates a script with arguments.
pub(super) fn run(world: &mut Recorder, dialect: Dialect, text: &str, arguments: &[Word]) -> Ended {
    let mut environment = Environment::from_lines(["PATH=/bin", "HOME=/root", "GREETING=hello"]);
    environment.set("MAYBE", Value::Unknown);
    let script = Script {
        text,
        from_text: false,
        name: Value::Known("/entry.sh".to_owned()),
        arguments: arguments.to_vec(),
        dialect,
        options: Options::default(),
        environment: &environment,
        cwd: Some("/data".to_owned()),
        certain: true,
    };
    evaluate(&script, world)
}

/// Returns the commands that a script starts in a world of a few programs.
pub(super) fn commands(dialect: Dialect, text: &str, arguments: &[&str]) -> String {
    let mut world = Recorder::with(&["a", "b", "c", "app", "id", "grep", "basename"]);
    world.programs.insert("u".to_owned(), None);
    world.programs.insert("bad".to_owned(), Some(3));
    world.programs.insert("server".to_owned(), None);
    world.servers.push("server".to_owned());
    for (path, text) in [
        ("/data/", ""),
        ("/etc/conf.d/1.sh", "a one"),
        ("/etc/conf.d/2.sh", "b two; X=sourced"),
        ("/etc/conf.d/.hidden", ""),
        (
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n",
        ),
        ("/bin/app", "#!"),
    ] {
        world.files.insert(path.to_owned(), text.to_owned());
    }
    let words: Vec<Word> = arguments
        .iter()
        .map(|word| Word::Known((*word).to_owned()))
        .collect();
    let ended = run(&mut world, dialect, text, &words);
    let mut log = world.log.join("; ");
    let status = ended
        .status
        .map_or("?".to_owned(), |status| status.to_string());
    let cause = ended
        .cause
        .map_or(String::new(), |step| format!(" by {}", step.0));
    let stays = if ended.may_stay { " stays" } else { "" };
    let _ = write!(log, " => {status}{cause}{stays}");
    log
}
