//! Scripts that interpret each other, with random first lines.

use super::Random;
use super::permissions::start;
use crate::start_support::case::{Case, busybox, debian, musl};
use crate::start_support::parts::program;

/// Returns the first line that names an interpreter, usually a correct one.
fn line(random: &mut Random, interpreter: &str) -> String {
    match random.below(26) {
        0 => format!("#! {interpreter}\n"),
        1 => format!("#!\t{interpreter} \n"),
        2 => format!("#!{interpreter}\r\n"),
        3 => format!("#!{interpreter} -x\n"),
        4 => format!("#!{interpreter}"),
        5 => format!("#!{}\n", interpreter.trim_start_matches('/')),
        6 => format!("\u{feff}#!{interpreter}\n"),
        7 => format!("\n#!{interpreter}\n"),
        8 => format!("#!{interpreter}x\n"),
        9 => format!("#!/usr/bin/env {interpreter}\n"),
        10 => format!("#!/.{interpreter}\n"),
        11 => format!("#!/opt/..{interpreter}\n"),
        12 => format!("#!{interpreter} {}\n", "y".repeat(random.below(300))),
        13 => "exit 0\n".to_owned(),
        _ => format!("#!{interpreter}\n"),
    }
}

pub fn draw(random: &mut Random, name: String) -> Case {
    let base = random.pick(&[busybox, debian, musl]);
    let mut case = base(name).exe("/opt/app", program("app"));
    let length = 1 + random.below(6);
    for number in 0..length {
        let interpreter = match number {
            0 => "/opt/app".to_owned(),
            _ => format!("/opt/s{}", number - 1),
        };
        // One error is enough to test its effect.
        let first = if random.percent(40) {
            line(random, &interpreter)
        } else {
            format!("#!{interpreter}\n")
        };
        let path = format!("/opt/s{number}");
        let mode = if random.percent(4) { 0o644 } else { 0o755 };
        case = case.file(&path, mode, first);
    }
    if random.percent(15) {
        case = case.workdir("/opt");
    }
    if random.percent(20) {
        case = case.user("app");
    }
    start(random, case, &format!("/opt/s{}", length - 1))
}
