//! The JSON format: one document. Its schema is in docs/check.md.

use serde_json::{Value, json};

use crate::findings::Level;
use crate::layer::printable;

use super::explain;
use super::report::{PlatformRow, Report, ReportedFinding};

/// The version of the schema.
const VERSION: u32 = 1;

pub(super) fn document(report: &Report) -> Value {
    let mut images: Vec<Value> = Vec::new();
    for rows in report.rows.chunk_by(|a, b| a.image == b.image) {
        let image = rows.first().map(|row| row.image.as_str());
        let platforms: Vec<Value> = rows.iter().map(platform).collect();
        images.push(json!({"image": image, "platforms": platforms}));
    }
    json!({
        "version": VERSION,
        "fail_on": report.fail_on.name(),
        "clean": report.is_clean() && !report.unseen(),
        "images": images,
    })
}

fn platform(row: &PlatformRow) -> Value {
    json!({
        "platform": row.platform.as_ref().map(ToString::to_string),
        "verdict": row.verdict(),
        "error": row.error,
        "fail": row.count(Level::Fail),
        "warn": row.count(Level::Warn),
        "info": row.count(Level::Info),
        "ignored": row.ignored,
        "findings": row.found.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(found: &ReportedFinding) -> Value {
    let finding = &found.finding;
    let path = (!finding.path.is_empty()).then(|| printable(&finding.path));
    let layer = found.layer.as_ref();
    json!({
        "id": finding.id.name(),
        "level": finding.level.name(),
        "path": path,
        "layer": finding.layer,
        "layer_digest": layer.and_then(|l| l.digest.as_deref()),
        "created_by": layer.and_then(|l| l.created_by.as_deref()),
        "detail": finding.detail,
        "hint": finding.hint,
        "help": explain::place(finding.id),
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn what_was_found_in_order() {
        let document = document(&sample::report());
        assert_eq!(document["clean"], false);
        let images = document["images"].as_array().unwrap();
        assert_eq!(images.len(), 2);
        let platforms = images[0]["platforms"].as_array().unwrap();
        assert_eq!(platforms.len(), 3);
        assert_eq!(platforms[0]["verdict"], "fail");
        let found = platforms[0]["findings"].as_array().unwrap();
        assert_eq!(found[0]["path"], r#"/usr/bin/\xff\x1b[31m<&"'#%?.so"#);
        assert_eq!(found[0]["layer"], 1);
        assert_eq!(found[2]["path"], Value::Null);
        assert_eq!(images[1]["platforms"][0]["verdict"], "error");
        assert_eq!(images[1]["platforms"][0]["platform"], Value::Null);
    }
}
