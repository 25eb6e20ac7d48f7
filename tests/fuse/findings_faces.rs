//! The places where findings are shown: sidecars, xattrs, and one table.

use crate::support::{Layer, mount_layers};

#[test]
fn a_finding_is_shown_everywhere() {
    let base = Layer::new().file("data", "x");
    let added = Layer::new()
        .file_mode("bin/tab\there", "#!/no/such\n", 0o755)
        .file_mode("srv/run", "#!/bin/good\n", 0o755)
        .file_mode("bin/good", "#!/bin/good\n", 0o755);
    let mounted = mount_layers(vec![base, added]);
    let lines = |path: &str| -> Vec<String> {
        let text = mounted.text(path);
        let shown = [
            "INTERPRETER",
            "VERDICT",
            "FINDINGS",
            "MISSING",
            "CREATED_BY",
        ];
        let is_shown = |line: &&str| shown.iter().any(|key| line.starts_with(key));
        text.lines().filter(is_shown).map(str::to_owned).collect()
    };
    let bad = lines(".imgfs/arch/bin/tab\there.arch");
    let expected = [
        "INTERPRETER=/no/such",
        "INTERPRETER_STATUS=missing",
        "VERDICT=fail",
        "FINDINGS=missing-interpreter",
    ];
    let bad: Vec<&String> = bad
        .iter()
        .filter(|l| !l.starts_with("CREATED_BY"))
        .collect();
    assert_eq!(bad, expected);
    let good = lines(".imgfs/arch/srv/run.arch");
    assert!(
        good.contains(&"INTERPRETER_STATUS=ok".to_owned()),
        "{good:?}"
    );
    assert!(good.contains(&"VERDICT=ok".to_owned()), "{good:?}");
    assert!(!good.iter().any(|line| line.starts_with("FINDINGS")));

    let file = mounted.join("bin/tab\there");
    let attribute = |name: &str| xattr::get(&file, name).unwrap();
    assert_eq!(
        attribute("user.imgfs.verdict").as_deref(),
        Some(&b"fail"[..])
    );
    let status = attribute("user.imgfs.interpreter.status");
    assert_eq!(status.as_deref(), Some(&b"missing"[..]));

    let table = mounted.text(".imgfs/findings.tsv");
    let mut rows = table
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let head = "level id path layer created_by detail hint";
    assert_eq!(rows.next().unwrap().join(" "), head);
    let row = rows.next().unwrap();
    assert_eq!(row.len(), 7);
    assert_eq!(
        row[..4],
        ["fail", "missing-interpreter", "/bin/tab\\x09here", "1"]
    );
    assert_eq!(rows.next(), None);
    let listed = mounted.names(".imgfs");
    assert!(listed.contains(&"findings.tsv".to_owned()), "{listed:?}");
}
