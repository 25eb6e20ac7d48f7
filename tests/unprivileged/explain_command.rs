//! `imgfs explain`, the program: its output as text and as JSON, and its exit code.

use std::path::PathBuf;
use std::process::Output;

use crate::support::program::{Place, output, stderr};
use crate::support::{Layer, OciImage, data, write_index};
use serde_json::{Value, json};

/// Returns a static program for amd64. Under the name of a shell it represents that shell.
fn program() -> Vec<u8> {
    data("gcc-musl-static")
}

/// Writes an image with these layers and this `config`.
fn image(place: &Place, layers: Vec<Layer>, config: &Value) -> PathBuf {
    let layers: Vec<Vec<u8>> = layers.into_iter().map(Layer::tar).collect();
    let image = OciImage::plain(&layers);
    let dir = place.join("image");
    std::fs::create_dir_all(&dir).unwrap();
    let mut document = image.config();
    document["config"] = config.clone();
    let manifest = image.write_with(&dir, &document);
    write_index(&dir, &[manifest]);
    dir
}

/// Returns an entrypoint script that executes its arguments, and a program without an execute bit for
/// others.
fn layers() -> Vec<Layer> {
    vec![
        Layer::new()
            .dir("bin")
            .file_mode("bin/dash", program(), 0o755)
            .symlink("bin/sh", "dash"),
        Layer::new()
            .file_mode("entry.sh", "#!/bin/sh\nset -e\nexec \"$@\"\n", 0o755)
            .dir("srv")
            .file_mode("srv/app", program(), 0o754),
    ]
}

fn explain(place: &Place, dir: &PathBuf, args: &[&str]) -> Output {
    let mut command = place.imgfs();
    output(command.arg("explain").arg(dir).args(args))
}

#[track_caller]
fn lines(output: &Output, code: i32) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}{}", stderr(output));
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn each_step_is_a_line_below_the_one_that_executes_it() {
    let place = Place::new();
    let config = json!({"Entrypoint": ["/entry.sh"], "Cmd": ["/srv/app", "-x y"]});
    let dir = image(&place, layers(), &config);
    assert_eq!(
        lines(&explain(&place, &dir, &[]), 0),
        [
            "",
            "ENTRYPOINT /entry.sh  CMD /srv/app '-x y'",
            "/entry.sh /srv/app '-x y'",
            "├─ file /entry.sh  [layer 1: step 1]",
            "├─ interpreter /bin/sh -> /bin/dash  [layer 0: step 0]",
            "└─ line 3: exec /srv/app '-x y'",
            "   └─ file /srv/app  [layer 1: step 1]",
            "ok: the container starts",
        ]
    );
}

#[test]
fn a_health_check_is_a_chain_of_its_own() {
    let place = Place::new();
    let config = json!({
        "Entrypoint": ["/entry.sh"], "Cmd": ["/srv/app"], "User": "1000",
        "Healthcheck": {"Test": ["CMD", "curl", "-f", "http://localhost/"]},
    });
    let dir = image(&place, layers(), &config);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(
        lines(&explain(&place, &dir, &[]), 0),
        [
            "",
            "ENTRYPOINT /entry.sh  CMD /srv/app  USER 1000",
            "/entry.sh /srv/app  (uid 1000 gid 0)",
            "├─ file /entry.sh  [layer 1: step 1]",
            "├─ interpreter /bin/sh -> /bin/dash  [layer 0: step 0]",
            "└─ line 3: exec /srv/app",
            // The group is root's, and the group bits allow reading and execution.
            "   └─ file /srv/app  [layer 1: step 1]",
            "ok: the container starts",
            "",
            "HEALTHCHECK curl -f http://localhost/  USER 1000",
            "curl -f http://localhost/  (uid 1000 gid 0)",
            &format!("└─ fails: ENOENT: curl is not in PATH ({path})"),
            "fails: exec: \"curl\": executable file not found in $PATH",
            "fix: install it, add its directory to PATH, or write its whole path",
        ]
    );
}

#[test]
fn a_path_or_a_command_replaces_what_the_config_starts() {
    let place = Place::new();
    let config = json!({"Entrypoint": ["/entry.sh"], "Cmd": ["/srv/app"], "User": "1000:1000"});
    let dir = image(&place, layers(), &config);
    let found = lines(&explain(&place, &dir, &["srv/app"]), 1);
    assert_eq!(
        found,
        [
            "",
            "file /srv/app  USER 1000:1000",
            "/srv/app  (uid 1000 gid 1000)",
            "└─ fails: EACCES: /srv/app is not executable by the user (mode 0754, owner 0:0)",
            "fails: exec: \"/srv/app\": permission denied",
            "fix: COPY --chmod=755, or RUN chmod +x, or change USER",
        ]
    );
    let found = lines(
        &explain(&place, &dir, &["--", "/bin/dash", "-c", "exit 3"]),
        1,
    );
    assert_eq!(
        found[1],
        "ENTRYPOINT /entry.sh  command /bin/dash -c 'exit 3'  USER 1000:1000"
    );
    let last = "exits: a script of the container ends with exit status 3";
    assert_eq!(found.last().unwrap(), last);
}

#[test]
fn json_has_every_step_with_its_types() {
    let place = Place::new();
    let config = json!({"Entrypoint": ["/entry.sh", "gone"], "Env": ["LD_LIBRARY_PATH=/x"]});
    let dir = image(&place, layers(), &config);
    let output = explain(&place, &dir, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["platform"], "linux/amd64");
    let chain = &document["chains"][0];
    assert_eq!(
        (&chain["verdict"], &chain["failing_step"]),
        (&json!("fails"), &json!(1))
    );
    let first = &chain["steps"][0];
    assert_eq!(first["argv"], json!(["/entry.sh", "gone"]));
    assert_eq!(
        (&first["uid"], &first["certain"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(first["variables"]["LD_LIBRARY_PATH"], "/x");
    assert_eq!(first["files"][1]["part"], "interpreter");
    assert_eq!(first["files"][1]["real_path"], "/bin/dash");
    assert_eq!(first["files"][1]["created_by"], "step 0");
    let last = &chain["steps"][1];
    assert_eq!(
        (&last["why"], &last["line"], &last["parent"]),
        (&json!("shell"), &json!(3), &json!(0))
    );
    assert_eq!(
        (&last["place"], &last["outcome"]),
        (&json!("exec"), &json!("failed"))
    );
    assert_eq!(last["failure"]["errno"], "ENOENT");
    assert_eq!(last["failure"]["status"], 127);
    assert_eq!(
        last["failure"]["message"],
        "/entry.sh: 3: exec: gone: not found"
    );
}

#[test]
fn control_characters_of_an_image_do_not_reach_the_terminal() {
    let place = Place::new();
    let config = json!({"Entrypoint": ["/\u{1b}[31mgone\u{7}"], "User": "no\u{1b}body"});
    let dir = image(&place, layers(), &config);
    for args in [&[][..], &["--", "\u{1b}x"], &["/\u{1b}y"]] {
        let output = explain(&place, &dir, args);
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stdout.contains(&0x1b), "{output:?}");
        assert!(!output.stderr.contains(&0x1b), "{output:?}");
    }
}

#[test]
fn an_image_without_a_command_is_no_answer() {
    let place = Place::new();
    let dir = image(&place, layers(), &json!({}));
    let output = explain(&place, &dir, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("neither Entrypoint nor Cmd"));
    let output = explain(&place, &dir, &["--", "/srv/app"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// For any script there is an answer in bounded time; here it is `unknown`.
#[test]
fn scripts_that_start_themselves_come_to_an_end() {
    let nested = "f() { if true; then { case x in x) f;; esac; }; fi; }\n";
    for body in [
        "/run\n/run\n/run\n".to_owned(),
        "exec /run \"$@\" more\n".to_owned(),
        format!("{nested}/run\nf\n"),
        format!("{nested}f\n/run\n"),
        "eval \"$(echo 'exec /run')\"\n".to_owned(),
        "while true; do /run & done\n".to_owned(),
    ] {
        let place = Place::new();
        let script = format!("#!/bin/bash\n{body}");
        let layer = Layer::new()
            .dir("bin")
            .file_mode("bin/bash", program(), 0o755)
            .file_mode("run", script, 0o755);
        let dir = image(&place, vec![layer], &json!({"Entrypoint": ["/run"]}));
        let output = explain(&place, &dir, &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{body}{}", stderr(&output));
        assert!(
            text.lines().last().unwrap().starts_with("unknown: "),
            "{body}"
        );
    }
}

#[test]
fn a_program_that_a_later_layer_removed_is_named_with_that_layer() {
    let place = Place::new();
    let config = json!({"Entrypoint": ["/entry.sh"], "Cmd": ["/srv/app"]});
    let mut layers = layers();
    layers.push(Layer::new().whiteout("srv/app"));
    let dir = image(&place, layers, &config);
    let text = lines(&explain(&place, &dir, &[]), 1).join("\n");
    assert!(
        text.contains("/srv/app was removed  [layer 2: step 2]"),
        "{text}"
    );
    let json = explain(&place, &dir, &["--json"]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let text = report.to_string();
    let removed = r#""removed_by":{"path":"/srv/app","layer":2,"#;
    assert!(text.contains(removed), "{text}");
}
