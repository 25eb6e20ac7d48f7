//! Scripts and the commands that they start. The expectations are derived manually from POSIX and the
//! manuals of the shells.

use super::recorder::commands;
use crate::launch::shell::Dialect::{self, Bash, Busybox, Dash};

#[track_caller]
fn check(dialects: &[Dialect], cases: &[(&str, &str)]) {
    for dialect in dialects {
        for (script, expected) in cases {
            let log = commands(*dialect, script, &["one", "two words"]);
            assert_eq!(log, *expected, "{dialect:?}: {script}");
        }
    }
}

const ALL: &[Dialect] = &[Dash, Bash, Busybox];

#[test]
fn simple_commands_are_run_with_their_words() {
    check(
        ALL,
        &[
            ("a x 'y z'", "!a x \"y z\" => 0"),
            ("exec app \"$@\"", "!exec app one \"two words\" => 0"),
            ("exec app $@", "!exec app one two words => 0"),
            ("exec app \"$*\"", "!exec app \"one two words\" => 0"),
            ("a; b & c", "!a; !&b; !c => 0"),
            ("a | b", "!|a; !|b => 0"),
            ("exec missing", "!exec missing => 127 by 1"),
            ("missing; a", "!missing; !a => 0"),
            ("missing", "!missing => 127 by 1"),
            ("sh() { a inner; }; sh", "!a inner => 0"),
            ("(a; exec b); c", "!a; !b; !c => 0"),
            ("$MAYBE x", "!<?*> x => ?"),
            ("exec \"$MAYBE\"", "!exec <?> => ?"),
            ("a $MAYBE \"$MAYBE\"", "!a <?*> <?> => 0"),
        ],
    );
}

#[test]
fn unknown_conditions_make_both_branches_possible() {
    check(
        ALL,
        &[
            ("if u; then a; else b; fi; c", "!u; ?a; ?b; !c => 0"),
            (
                "if [ \"$MAYBE\" = x ]; then exec a; fi; exec b",
                "?exec a; ?exec b => 0",
            ),
            ("[ -n \"$MAYBE\" ] && X=1; a \"$X\"", "!a <?> => 0"),
            ("u || exit 1; a", "!u; ?a => ?"),
            ("u && a; b", "!u; ?a; !b => 0"),
            ("case $MAYBE in x) a;; *) b;; esac; c", "?a; ?b; !c => 0"),
            (
                "f() { [ -z \"$MAYBE\" ] && return; a; }; f; b",
                "?a; !b => 0",
            ),
            (
                "for i in 1 2; do [ $MAYBE ] && break; a $i; done; b",
                "?a 1; ?a 2; !b => 0",
            ),
            ("for i in $MAYBE; do a $i; done; b", "?a <?*>; !b => 0"),
            (
                "if u; then exec a; else exec b; fi; c",
                "!u; ?exec a; ?exec b => 0",
            ),
        ],
    );
}

#[test]
fn known_conditions_choose_a_branch() {
    check(
        ALL,
        &[
            ("if [ \"$1\" = one ]; then a; else b; fi", "!a => 0"),
            (
                "if [ \"${1#-}\" != \"$1\" ]; then set -- app \"$@\"; fi; exec \"$@\"",
                "!exec one \"two words\" => 127 by 1",
            ),
            ("case $1 in -*) a;; o*) b;; esac", "!b => 0"),
            ("case $GREETING in hello|bye) a;; *) b;; esac", "!a => 0"),
            ("[ \"$(id -u)\" = 0 ] && a", "!|id -u; !a => 0"),
            (
                "[ -f /nope ] && b; [ -d /etc/conf.d ] && a; [ -f /new ] && b; c",
                "!a; ?b; !c => 0",
            ),
            (
                "while [ $# -gt 0 ]; do a \"$1\"; shift; done; b",
                "!a one; !a \"two words\"; !b => 0",
            ),
            (
                "i=0; while [ $i -lt 3 ]; do a $i; i=$((i+1)); done",
                "!a 0; !a 1; !a 2 => 0",
            ),
            (
                "for f in /etc/conf.d/*.sh; do . $f; done; c $X",
                "!a one; !b two; !c sourced => 0",
            ),
            ("command -v nope || b; command -v app && a", "!b; !a => 0"),
            ("until false; do a; done; b", "!a => ? stays"),
            ("while true; do a; break; done; b", "!a; !b => 0"),
            ("bad; a $?", "!bad; !a 3 => 0"),
            ("! bad && a", "!bad; !a => 0"),
        ],
    );
}

#[test]
fn errexit_ends_the_script_at_a_known_failure() {
    check(
        ALL,
        &[
            ("set -e; bad; a", "!bad => 3"),
            ("set -e; missing; a", "!missing => 127 by 1"),
            ("set -e; bad || a; b", "!bad; !a; !b => 0"),
            ("set -e; if bad; then a; fi; b", "!bad; !b => 0"),
            ("set -e; u; a", "!u; ?a => ?"),
            ("u; a", "!u; !a => 0"),
            ("set -e; bad | a; b", "!|bad; !|a; !b => 0"),
            ("set -e; X=$(bad); a", "!|bad => 3"),
            ("set -e; f() { bad; a; }; f || b; c", "!bad; !a; !c => 0"),
            ("set -e; server; a", "!server; ?a => ? stays"),
            ("server; a", "!server; ?a => ? stays"),
            ("server & a; wait; b", "!&server; !a; ?b => ? stays"),
        ],
    );
}

#[test]
fn failed_redirections_keep_the_command_from_running() {
    check(
        &[Dash],
        &[
            ("a < /nope/x; b $?", "!b 2 => 0"),
            ("a > /nope/x; b $?", "!b 2 => 0"),
        ],
    );
    check(
        &[Bash, Busybox],
        &[
            ("a < /nope/x; b $?", "!b 1 => 0"),
            ("a > /nope/x; b $?", "!b 1 => 0"),
        ],
    );
    check(
        ALL,
        &[
            ("a > /data/new; [ -f /data/new ] && b; c", "!a; ?b; !c => 0"),
            ("a > /dev/stdout 2>&1; b", "!a; !b => 0"),
            ("X=$(echo in >&2; echo out); a $X", "!a out => 0"),
        ],
    );
}

#[test]
fn dialects_differ() {
    check(
        &[Dash],
        &[
            ("[[ a == a ]] && a; b", "![[ a == a ]]; !b => 0"),
            ("a ${GREETING:0:2}; b", " => 2"),
            (
                "source /etc/conf.d/1.sh; b",
                "!source /etc/conf.d/1.sh; !b => 0",
            ),
            ("a {x,y}", "!a {x,y} => 0"),
        ],
    );
    check(
        &[Bash],
        &[
            ("[[ a == a* ]] && a; b", "!a; !b => 0"),
            ("a ${GREETING:0:2}; b", "!a he; !b => 0"),
            ("source /etc/conf.d/1.sh; b", "!a one; !b => 0"),
            ("a {x,y}", "!a x y => 0"),
            (
                "x=(1 2 '3 4'); a \"${x[@]}\" ${#x[@]} ${x[1]}",
                "!a 1 2 \"3 4\" 3 2 => 0",
            ),
            ("function f { a \"$1\"; }; f z", "!a z => 0"),
            (
                "n=GREETING; a ${!n} ${n,,} ${GREETING^^}",
                "!a hello greeting HELLO => 0",
            ),
            ("((1 > 2)) || a", "!a => 0"),
            ("a <(b) ", "!|b; !a <?> => 0"),
        ],
    );
}

#[test]
fn what_stands_before_a_syntax_error_is_run() {
    check(
        ALL,
        &[
            ("a\nif b; then\n", "!a => 2"),
            ("a\nif b; then\r\nc\r\nfi\r\n", "!a => 2"),
            ("a\nb )", "!a => 2"),
            ("a\nb 'open", "!a => 2"),
            ("a; done", " => 2"),
        ],
    );
    check(&[Dash], &[("a\nx=(1 2)\nb", "!a => 2")]);
}

#[test]
fn the_environment_and_the_directory_are_those_at_the_command() {
    use super::recorder::{Recorder, run};
    use crate::launch::environment::Value;
    let script = "X=no\nexport Y=yes\ncd /etc\nLD_LIBRARY_PATH=/x exec app";
    for dialect in ALL {
        let mut world = Recorder::with(&["app"]);
        world.files.insert("/etc/passwd".to_owned(), String::new());
        run(&mut world, *dialect, script, &[]);
        let environment = world.environments.last().unwrap();
        assert_eq!(environment.known("LD_LIBRARY_PATH"), Some("/x"));
        assert_eq!(environment.known("Y"), Some("yes"));
        assert_eq!(environment.get("X"), None);
        assert_eq!(environment.known("PWD"), Some("/etc"));
        assert_eq!(environment.get("MAYBE"), Some(&Value::Unknown));
        assert_eq!(world.cwds, [Some("/etc".to_owned())]);
        assert_eq!(world.lines, [4]);
    }
}
