//! The state of a shell process: variables, functions, arguments, options, the working directory.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use brush_parser::ast;

use super::Dialect;
use super::world::{Ended, Word};
use crate::launch::chain::StepId;
use crate::launch::environment::{Environment, Value};

/// The exit status of the last command, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// This status.
    Known(u8),
    /// Any status but 0.
    NonZero,
    /// Any status.
    Unknown,
}

impl Status {
    /// Returns whether the command succeeded; `None` if that is unknown.
    pub(super) fn success(self) -> Option<bool> {
        match self {
            Self::Known(code) => Some(code == 0),
            Self::NonZero => Some(false),
            Self::Unknown => None,
        }
    }

    /// Returns the status as a number, if it is known.
    pub(super) fn code(self) -> Option<u8> {
        match self {
            Self::Known(code) => Some(code),
            _ => None,
        }
    }

    /// Returns the status after `!`.
    pub(super) fn inverted(self) -> Self {
        match self.success() {
            Some(success) => Self::Known(u8::from(success)),
            None => Self::Unknown,
        }
    }

    fn join(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        match (self.success(), other.success()) {
            (Some(false), Some(false)) => Self::NonZero,
            _ => Self::Unknown,
        }
    }
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// A string.
    Scalar(Value),
    /// An indexed array; `None` if its elements are unknown. Associative arrays are always unknown.
    Array(Option<Vec<Value>>),
    /// `local x` or `export x` without a value: the variable has attributes but is unset.
    Unset,
}

/// A variable of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub data: Data,
    pub exported: bool,
    pub readonly: bool,
}

/// A shell function.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub body: Rc<ast::FunctionBody>,
    /// The number of lines before the text from which the body was parsed.
    pub line_base: u32,
}

/// An option of the shell that a branch may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Off,
    On,
    Unknown,
}

impl Switch {
    fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// The options that affect a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-e`
    pub errexit: Switch,
    /// `-u`
    pub nounset: Switch,
    /// `-f`
    pub noglob: Switch,
    /// `-a`
    pub allexport: Switch,
    /// `-n`
    pub noexec: Switch,
    /// `-o pipefail`
    pub pipefail: Switch,
    /// Whether any `shopt` option may be set that matters here: `execfail`, `nullglob`, `failglob`,
    /// `extglob`, `dotglob`, `lastpipe`, ...
    pub shopt: Switch,
}

impl Default for Options {
    fn default() -> Self {
        let off = Switch::Off;
        Self {
            errexit: off,
            nounset: off,
            noglob: off,
            allexport: off,
            noexec: off,
            pipefail: off,
            shopt: off,
        }
    }
}

impl Options {
    fn join(self, other: Self) -> Self {
        Self {
            errexit: self.errexit.join(other.errexit),
            nounset: self.nounset.join(other.nounset),
            noglob: self.noglob.join(other.noglob),
            allexport: self.allexport.join(other.allexport),
            noexec: self.noexec.join(other.noexec),
            pipefail: self.pipefail.join(other.pipefail),
            shopt: self.shopt.join(other.shopt),
        }
    }
}

/// The destination of standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// It is not captured.
    Elsewhere,
    /// It is captured for a command substitution. Holds the text so far.
    Collected(String),
    /// It is captured, but the text is unknown.
    Unknown,
}

/// The state of one shell process at one point of a script.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub variables: BTreeMap<String, Variable>,
    /// The functions; `None` for a name that may be a function, an alias or neither.
    pub functions: BTreeMap<String, Option<Function>>,
    /// `$1` and the rest.
    pub arguments: Vec<Word>,
    /// The working directory; `None` if it is unknown.
    pub cwd: Option<String>,
    pub options: Options,
    /// `$?`
    pub status: Status,
    /// The step that `status` comes from, if that step could not be started.
    pub cause: Option<StepId>,
    /// Paths that the script has written, created or removed.
    pub touched: BTreeSet<String>,
    /// Whether unknown paths were touched.
    pub touched_anything: bool,
    /// Whether programs ran that may have created files anywhere.
    pub others_ran: bool,
    pub output: Output,
    /// Whether there are background jobs.
    pub jobs: bool,
    /// The values that local variables hide, for each running function.
    pub locals: Vec<BTreeMap<String, Option<Variable>>>,
}

impl State {
    /// Returns the state of a shell that has just been started.
    pub(super) fn new(
        environment: &Environment,
        arguments: Vec<Word>,
        cwd: Option<String>,
    ) -> Self {
        let exported = |(name, value): (&str, &Value)| {
            let variable = Variable {
                data: Data::Scalar(value.clone()),
                exported: true,
                readonly: false,
            };
            (name.to_owned(), variable)
        };
        Self {
            variables: environment.iter().map(exported).collect(),
            functions: BTreeMap::new(),
            arguments,
            cwd,
            options: Options::default(),
            status: Status::Known(0),
            cause: None,
            touched: BTreeSet::new(),
            touched_anything: false,
            others_ran: false,
            output: Output::Elsewhere,
            jobs: false,
            locals: Vec::new(),
        }
    }

    /// Sets the variables that a shell sets when it starts. dash and bash export `PWD`, bash also
    /// `SHLVL`. None of them takes `IFS` from the environment.
    pub(super) fn started(&mut self, dialect: Dialect) {
        self.variables.remove("IFS");
        let pwd = self.cwd.clone().map_or(Value::Unknown, Value::Known);
        self.set("PWD", Data::Scalar(pwd));
        let exported = dialect != Dialect::Unknown;
        if let Some(variable) = self.variables.get_mut("PWD") {
            variable.exported |= exported;
        }
        if dialect.is_bash() {
            let level = match self.get("SHLVL") {
                None => Value::Known("1".to_owned()),
                Some(Value::Known(level)) => {
                    let next = level
                        .trim()
                        .parse::<u16>()
                        .ok()
                        .and_then(|level| level.checked_add(1));
                    next.map_or(Value::Unknown, |level| Value::Known(level.to_string()))
                }
                Some(Value::Unknown) => Value::Unknown,
            };
            self.set("SHLVL", Data::Scalar(level));
            if let Some(variable) = self.variables.get_mut("SHLVL") {
                variable.exported = true;
            }
        }
    }

    /// Returns the value of a variable; `None` if it is unset. For an array, returns the first element.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        match &self.variables.get(name)?.data {
            Data::Scalar(value) => Some(value.clone()),
            Data::Array(Some(values)) => values.first().cloned(),
            Data::Array(None) => Some(Value::Unknown),
            Data::Unset => None,
        }
    }

    /// Sets a variable. It stays exported if it was.
    pub(super) fn set(&mut self, name: &str, data: Data) {
        let export = self.options.allexport == Switch::On;
        match self.variables.get_mut(name) {
            Some(variable) => {
                variable.data = data;
                variable.exported |= export;
            }
            None => {
                let variable = Variable {
                    data,
                    exported: export,
                    readonly: false,
                };
                self.variables.insert(name.to_owned(), variable);
            }
        }
    }

    /// Returns true if a variable is read-only.
    pub(super) fn is_readonly(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|v| v.readonly)
    }

    /// Returns the environment that a program gets.
    pub(super) fn environment(&self) -> Environment {
        let mut environment = Environment::default();
        for (name, variable) in self.variables.iter().filter(|(_, v)| v.exported) {
            if let Data::Scalar(value) = &variable.data {
                environment.set(name, value.clone());
            }
        }
        environment
    }

    /// Returns true if the script may have changed a path, so that nothing is known about it.
    pub(super) fn is_touched(&self, path: &str) -> bool {
        self.touched_anything || self.is_written(path)
    }

    /// Returns true if the script wrote a path or one of its ancestors.
    pub(super) fn is_written(&self, path: &str) -> bool {
        self.touched.iter().any(|touched| {
            path.strip_prefix(touched.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Returns the result of a script that ends in this state.
    pub(super) fn ended(&self) -> Ended {
        Ended {
            status: self.status.code(),
            cause: self.cause,
            may_stay: false,
        }
    }

    /// Returns what is known if either this or the other state is the actual one.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.variables = join_variables(self.variables, other.variables);
        let names: BTreeSet<String> = other.functions.keys().cloned().collect();
        for (name, function) in &mut self.functions {
            let same = match (&function, other.functions.get(name)) {
                (Some(a), Some(Some(b))) => Rc::ptr_eq(&a.body, &b.body),
                _ => false,
            };
            if !same {
                *function = None;
            }
        }
        for name in names {
            self.functions.entry(name).or_insert(None);
        }
        if self.arguments != other.arguments {
            self.arguments = join_arguments(&self.arguments, &other.arguments);
        }
        if self.cwd != other.cwd {
            self.cwd = None;
        }
        self.options = self.options.join(other.options);
        self.status = self.status.join(other.status);
        if self.cause != other.cause {
            self.cause = None;
        }
        self.touched.extend(other.touched);
        self.touched_anything |= other.touched_anything;
        self.others_ran |= other.others_ran;
        if self.output != other.output {
            self.output = Output::Unknown;
        }
        self.jobs |= other.jobs;
        for (mine, theirs) in self.locals.iter_mut().zip(other.locals) {
            for (name, value) in theirs {
                mine.entry(name).or_insert(value);
            }
        }
        self
    }
}

fn join_variables(
    mut mine: BTreeMap<String, Variable>,
    mut theirs: BTreeMap<String, Variable>,
) -> BTreeMap<String, Variable> {
    for (name, variable) in &mut mine {
        match theirs.remove(name) {
            Some(other) if *variable == other => {}
            Some(other) => {
                if variable.data != other.data {
                    let scalar = matches!(variable.data, Data::Scalar(_))
                        && matches!(other.data, Data::Scalar(_));
                    variable.data = if scalar {
                        Data::Scalar(Value::Unknown)
                    } else {
                        Data::Array(None)
                    };
                }
                if variable.exported != other.exported {
                    variable.exported = true;
                    variable.data = Data::Scalar(Value::Unknown);
                }
                variable.readonly &= other.readonly;
            }
            None => variable.data = unknown_like(&variable.data),
        }
    }
    for (name, mut variable) in theirs {
        variable.data = unknown_like(&variable.data);
        mine.insert(name, variable);
    }
    mine
}

fn unknown_like(data: &Data) -> Data {
    match data {
        Data::Array(_) => Data::Array(None),
        _ => Data::Scalar(Value::Unknown),
    }
}

/// Keeps the leading arguments that are equal in both states.
fn join_arguments(mine: &[Word], theirs: &[Word]) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    for (a, b) in mine.iter().zip(theirs) {
        match (a, b) {
            (a, b) if a == b => joined.push(a.clone()),
            (Word::UnknownMany, _) | (_, Word::UnknownMany) => break,
            _ => joined.push(Word::Unknown),
        }
    }
    if mine.len() != theirs.len() || joined.len() != mine.len() {
        joined.push(Word::UnknownMany);
    }
    joined
}
