//! The README's transcript is correct: the demo runs, prints the output that the README shows, and runs
//! the commands that the README shows.

use crate::support;
use std::process::Command;

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let mut demo = Command::new(format!("{root}/examples/demo.sh"));
    demo.env("IMGFS", env!("CARGO_BIN_EXE_imgfs"));
    let home = tempfile::tempdir().unwrap();
    demo.env("XDG_STATE_HOME", home.path());
    let output = support::run(demo.env("XDG_CACHE_HOME", home.path()));
    let printed = String::from_utf8(output.stdout).unwrap();

    let questions = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| l.starts_with("$ "));
        lines.map(str::to_owned).collect()
    };
    let asked = questions(&printed);
    assert!(asked.len() >= 9, "{printed}");
    for question in &asked {
        assert!(readme.contains(question), "not in the README: {question}");
    }
    for question in questions(&readme) {
        assert!(asked.contains(&question), "not in the demo: {question}");
    }
    // Answers that do not depend on the libraries of this system.
    for answer in [
        "\n      1 GOARCH=arm64\n",
        "\nmnt/usr/local/bin/app.arch\n",
        "\nuser.imgfs.created.by=\"COPY --from=build /src/app /usr/local/bin/app\"\n",
        "\nuser.imgfs.goarch=\"arm64\"\n",
        "mnt/sbin/ldconfig.arch\n",
        "      1 /lib/ld-linux-aarch64.so.1\n",
        "\nhidden by a later layer\n",
        "\n└─ fails: ENOEXEC: /usr/local/bin/app is for linux/arm64\n",
        "\nfails: exec /usr/local/bin/app: exec format error\n",
    ] {
        assert!(printed.contains(answer), "{answer:?} is not in:\n{printed}");
        assert!(readme.contains(answer), "{answer:?} is not in the README");
    }
}
