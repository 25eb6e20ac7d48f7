//! The checks as JSON, one object per line. A check with several problems has one line for each problem.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::image::verify::{Check, CheckProblem};
use crate::layer::printable;

pub(super) fn write(out: &mut impl Write, check: &Check) -> io::Result<()> {
    if check.problems.is_empty() {
        return writeln!(out, "{}", object(check, None));
    }
    for problem in &check.problems {
        writeln!(out, "{}", object(check, Some(problem)))?;
    }
    Ok(())
}

/// Returns the object of a check and one of its problems. Keys that do not apply are left out.
fn object(check: &Check, problem: Option<&CheckProblem>) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    let text = |text: &str| Value::from(printable(text.as_bytes()));
    let shown = |shown: &dyn std::fmt::Display| text(&shown.to_string());
    put("kind", Some(text(check.thing.name())));
    put("number", check.number.map(Value::from));
    put("name", Some(Value::from(printable(&check.name))));
    put("image", check.image.as_deref().map(text));
    put("platform", check.platform.as_ref().map(|p| shown(p)));
    put("status", Some(text(check.status().name())));
    put("size", check.size.map(Value::from));
    put("digest", check.digest.as_ref().map(|d| shown(d)));
    put("diff_id", check.diff_id.as_ref().map(|d| shown(d)));
    if let Some(problem) = problem {
        put("problem", Some(text(problem.id.name())));
        put("expected", problem.expected.as_deref().map(text));
        put("found", problem.found.as_deref().map(text));
        put("detail", problem.detail.as_deref().map(text));
    } else {
        put("detail", check.note.as_ref().map(|note| text(note.text())));
    }
    Value::Object(object)
}
