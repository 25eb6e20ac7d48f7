//! Scripts that are designed to take long, to recurse or to grow.

use std::time::{Duration, Instant};

use super::recorder::{Recorder, run};
use crate::launch::shell::Dialect;

/// Evaluates a script on a stack as small as that of a test thread, and returns the time it took.
fn seconds(text: &str, dialect: Dialect) -> Duration {
    let mut world = Recorder::with(&["a"]);
    let start = Instant::now();
    run(&mut world, dialect, text, &[]);
    start.elapsed()
}

#[test]
fn nothing_takes_long_or_ends_the_process() {
    let deep = |open: &str, count: usize| open.repeat(count);
    let scripts = [
        deep("$(", 5000),
        deep("a $(", 12),
        deep("(", 5000),
        deep("( ", 13) + "a" + &deep(" )", 13),
        deep("( ", 13) + "a",
        deep("((", 7),
        deep("{ ", 13) + "a" + &deep("; }", 13),
        deep("{\n", 5000),
        deep("a \"${x:-", 13) + &deep("}\"", 13),
        deep("\"${x:-", 5000),
        deep("\"a$(echo ", 10) + &deep(")\"", 10),
        deep("`", 5001),
        deep("if a; then\n", 20) + &deep("fi\n", 20),
        deep("if a; then\n", 5000),
        deep("case x in x) ", 8) + "a" + &deep(" esac", 8),
        deep("case x in x) ", 3000),
        "a $((".to_owned() + &deep("(", 13) + "1" + &deep(")", 13) + "))",
        "a $((".to_owned() + &deep("1+", 4000) + "1))",
        "a $((".to_owned() + &deep("-", 400) + "1))",
        "a ".to_owned() + &deep("?(", 13),
        "a ".to_owned() + &deep("?(", 13) + &deep(")", 13),
        "[[ ".to_owned() + &deep("( ", 13) + "a" + &deep(" )", 13) + " ]]",
        "[[ ".to_owned() + &deep("! ", 3000) + "a ]]",
        "[ ".to_owned() + &deep("! ", 3000) + "a ]",
        "[ ".to_owned() + &deep("( ", 13) + "a ]",
        "a ".to_owned() + &deep("{a,b}", 60),
        "a ".to_owned() + &deep("{", 13) + &deep(",}", 13),
        "f() { f; }; f".to_owned(),
        "f() { f; f; f; }; f".to_owned(),
        "f() { if $U; then f; else f; fi; }; f".to_owned(),
        "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x$x$x; done".to_owned(),
        "while :; do set -- \"$@\" \"$@\" x; done".to_owned(),
        "i=0; while :; do i=$((i+1)); a $i; done".to_owned(),
        "eval 'eval \"$x\"'; x='eval \"$x\"'; eval \"$x\"".to_owned(),
        "x='. /nope'; trap \"trap 'trap x EXIT' EXIT\" EXIT".to_owned(),
        deep("a && ", 3000) + "a",
        deep("$MAYBE && ", 3000) + "a",
        deep("$MAYBE | ", 3000) + "a",
        deep("a 99999999999<x\n", 3),
        "a ~99999999999999999999999".to_owned(),
        "a {1..99999999999999999999}".to_owned(),
        "a ${x:99999999999999999999:1}".to_owned(),
        deep("cat <<A <<B <<C\n", 200),
        deep("'", 5001),
        deep("a=\\\n", 5000),
        deep("a;\n", 60_000),
        deep("x=(", 13),
        deep("<(", 13),
        "case aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa in ".to_owned() + &deep("*a", 40) + "b) a;; esac",
        "\u{feff}#!/bin/sh\na\u{0}b".to_owned(),
    ];
    for script in scripts {
        for dialect in [Dialect::Bash, Dialect::Dash] {
            let taken = seconds(&script, dialect);
            // What takes quadratic time takes minutes. Tests are built without optimization and share the
            // machine with others.
            let shown: String = script.chars().take(60).collect();
            eprintln!("{taken:?} {dialect:?} {shown:?}");
            assert!(taken < Duration::from_secs(60), "{taken:?}: {shown:?}");
        }
    }
}
