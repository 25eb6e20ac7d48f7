//! The chains as one JSON document. Its schema is in docs/explain.md.

use serde_json::{Value, json};

use crate::launch::{
    Chain, ChainStart, End, Library, Opened, Outcome, Part, RunMode, Step, Why, Word,
};
use crate::layer::printable;
use crate::open::OpenImage;
use crate::tree::{NodeId, Removed};

/// The version of the schema.
const VERSION: u32 = 1;

pub(super) fn document(image: &OpenImage, chains: &[Chain]) -> Value {
    let start = &image.config.start;
    let chains: Vec<Value> = chains.iter().map(|chain| of_chain(image, chain)).collect();
    json!({
        "version": VERSION,
        "image": image.name,
        "platform": image.platform.to_string(),
        "config": {
            "entrypoint": start.entrypoint,
            "cmd": start.cmd,
            "env": start.env,
            "user": start.user,
            "working_dir": start.working_dir,
            "healthcheck": start.healthcheck,
        },
        "chains": chains,
    })
}

fn of_chain(image: &OpenImage, chain: &Chain) -> Value {
    let origin = match &chain.origin {
        ChainStart::Config => "config",
        ChainStart::Command(_) => "command",
        ChainStart::File(_) => "file",
        ChainStart::Healthcheck => "healthcheck",
    };
    let (verdict, step, reason) = match &chain.end {
        End::Starts => ("starts", None, None),
        End::Fails(id) => ("fails", Some(id.0), None),
        End::Exits(status) => ("exits", None, Some(format!("exit status {status}"))),
        End::NoUser(message) | End::NoDirectory(message) => ("fails", None, Some(message.clone())),
        End::NoCommand => ("unknown", None, Some("no command".to_owned())),
        End::Unknown(why) => ("unknown", None, Some(why.clone())),
    };
    let steps = chain.numbered();
    let steps: Vec<Value> = steps.map(|(id, step)| of_step(image, id.0, step)).collect();
    json!({
        "origin": origin,
        "verdict": verdict,
        "failing_step": step,
        "reason": reason,
        "steps": steps,
    })
}

fn of_step(image: &OpenImage, id: u32, step: &Step) -> Value {
    let (why, line, launcher) = match &step.why {
        Why::Runtime => ("runtime", None, None),
        Why::ShellCommand(line) => ("shell", Some(*line), None),
        Why::Launcher(name) => ("launcher", None, Some(name)),
    };
    let argv: Vec<Value> = step.argv.iter().map(word).collect();
    let place = match step.place {
        RunMode::Foreground => "foreground",
        RunMode::Background => "background",
        RunMode::Exec => "exec",
        RunMode::Pipe => "pipe",
    };
    let variables: serde_json::Map<String, Value> = step
        .variables()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let files: Vec<Value> = step.files.iter().map(|file| opened(image, file)).collect();
    let libraries = step.libraries().iter().map(|library| {
        let needed_by = library.needed_by.and_then(|at| step.libraries().get(at));
        let mut value = json!({
            "name": printable(library.name.as_bytes()),
            "path": printable(library.path.as_bytes()),
            "rule": rule(library),
            "needed_by": needed_by.map(|library| printable(library.path.as_bytes())),
        });
        add_layer(image, library.node, &mut value);
        value
    });
    let libraries: Vec<Value> = libraries.collect();
    let (outcome, failure, reason) = match &step.outcome {
        Outcome::Started => ("started", None, None),
        Outcome::Unknown(why) => ("unknown", None, Some(why)),
        Outcome::Failed(failure) => {
            let failure = json!({
                "errno": failure.errno.map(|errno| errno.name()),
                "status": failure.status,
                "message": failure.message,
                "cause": failure.clause,
                "fix": failure.hint,
                "removed_by": failure.removed.as_ref().map(|removed| removed_by(image, removed)),
            });
            ("failed", Some(failure), None)
        }
    };
    json!({
        "id": id,
        "parent": step.parent.map(|parent| parent.0),
        "why": why,
        "line": line,
        "launcher": launcher,
        "argv": argv,
        "certain": step.certain,
        "tested": step.tested,
        "place": place,
        "uid": step.credentials.uid,
        "gid": step.credentials.gid,
        "groups": step.credentials.groups,
        "cwd": step.cwd,
        "variables": variables,
        "files": files,
        "libraries": libraries,
        "warnings": step.warnings(),
        "outcome": outcome,
        "failure": failure,
        "reason": reason,
    })
}

/// Returns how a library was found.
pub(super) fn rule(library: &Library) -> String {
    match library.preloaded {
        true => format!("preloaded, {}", library.rule.describe()),
        false => library.rule.describe(),
    }
}

/// Returns a word, or `null` if it is unknown. `{"many": true}` stands for any number of unknown words.
fn word(word: &Word) -> Value {
    match word {
        Word::Known(word) => json!(word),
        Word::Unknown => Value::Null,
        Word::UnknownMany => json!({"many": true}),
    }
}

fn opened(image: &OpenImage, file: &Opened) -> Value {
    let part = match file.part {
        Part::Program => "program",
        Part::Interpreter => "interpreter",
        Part::Loader => "loader",
    };
    let mut value = json!({
        "part": part,
        "path": printable(&file.path),
        "real_path": printable(&file.real),
    });
    add_layer(image, file.node, &mut value);
    value
}

/// Returns the layer that removed a file.
fn removed_by(image: &OpenImage, removed: &Removed) -> Value {
    let line = image.layers.get(removed.layer as usize);
    json!({
        "path": printable(&removed.path),
        "layer": removed.layer,
        "created_by": line.and_then(|layer| layer.created_by.as_deref()),
        "brought_by": removed.added_by,
    })
}

fn add_layer(image: &OpenImage, node: NodeId, value: &mut Value) {
    let Some(layer) = image.tree.node(node).map(|node| node.layer) else {
        return;
    };
    let line = image.layers.get(layer as usize);
    if let Some(object) = value.as_object_mut() {
        object.insert("layer".to_owned(), json!(layer));
        let line = line.and_then(|layer| layer.created_by.as_deref());
        object.insert("created_by".to_owned(), json!(line));
    }
}
