//! Reports expected platforms that an image does not have.

use crate::findings::{Finding, Id, Level};
use crate::image::Platform;

use super::report::{PlatformRow, ReportedFinding};

/// Returns a row for each expected platform that has no row. A missing variant stands for the usual
/// variant, as everywhere. An older variant does not satisfy the expectation, since `--expect` asks for
/// the newer one.
pub(super) fn missing(expected: &[Platform], rows: &[PlatformRow]) -> Vec<PlatformRow> {
    let there: Vec<&Platform> = rows.iter().filter_map(|r| r.platform.as_ref()).collect();
    let is_there = |wanted: &Platform| there.iter().any(|p| wanted.accepts(p) == Some(u8::MAX));
    let missing = expected.iter().filter(|wanted| !is_there(wanted));
    missing.map(|wanted| row(wanted, &there)).collect()
}

fn row(wanted: &Platform, there: &[&Platform]) -> PlatformRow {
    let there: Vec<String> = there.iter().map(ToString::to_string).collect();
    let there = match there.is_empty() {
        true => "none of the requested platforms".to_owned(),
        false => there.join(" "),
    };
    let finding = Finding {
        id: Id::ConfigMismatch,
        level: Level::Fail,
        path: Box::default(),
        node: None,
        layer: None,
        detail: format!("{wanted} is expected, but the image does not have it; it has {there}"),
        hint: format!("build it for {wanted} too: docker buildx build --platform {wanted}"),
    };
    PlatformRow {
        platform: Some(wanted.clone()),
        missing: true,
        found: vec![ReportedFinding::new(finding, &[])],
        ..PlatformRow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variant_is_meant_and_an_older_one_does_not_do() {
        let platforms = |texts: &[&str]| -> Vec<Platform> {
            texts.iter().map(|t| t.parse().unwrap()).collect()
        };
        let rows: Vec<PlatformRow> = platforms(&["linux/amd64", "linux/arm64/v8", "linux/arm/v6"])
            .into_iter()
            .map(|platform| PlatformRow {
                platform: Some(platform),
                ..PlatformRow::default()
            })
            .collect();
        let none = missing(
            &platforms(&["linux/amd64", "linux/arm64", "linux/arm/v6"]),
            &rows,
        );
        assert!(none.is_empty());
        let two = missing(&platforms(&["linux/arm", "windows/amd64"]), &rows);
        let two: Vec<String> = two.iter().map(PlatformRow::platform).collect();
        assert_eq!(two, ["linux/arm", "windows/amd64"]);
    }
}
