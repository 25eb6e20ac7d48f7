//! Tests with handlers as Debian and others register them, and with broken ones.

use super::super::machine::head;
use super::*;

/// qemu's magic and mask for arm64, as Debian's qemu-user-static registers them.
const ARM64: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POCF\n\
    offset 0\nmagic 7f454c460201010000000000000000000200b700\n\
    mask ffffffffffffff00fffffffffffffffffeffffff\n";

fn arm64() -> Handler {
    Handler::parse("some-name", ARM64).unwrap()
}

fn binfmt(handlers: Vec<Handler>) -> Binfmt {
    Binfmt {
        mounted: true,
        enabled: true,
        handlers,
        root: PathBuf::from("/nonexistent"),
    }
}

#[test]
fn an_entry_says_what_it_matches() {
    let handler = arm64();
    assert!(handler.enabled && handler.flags.fix_binary && handler.flags.credentials);
    assert_eq!(handler.flags.to_string(), "POCF");
    for arch in super::super::ARCHES {
        let expected = if arch == "arm64" { 4 } else { 0 };
        assert_eq!(handler.matched(arch), (expected, 4), "{arch}");
    }
    let again = handler.registration().unwrap();
    assert!(
        again.starts_with(r":some-name:M:0:\x7f\x45\x4c\x46\x02\x01"),
        "{again}"
    );
    assert!(
        again.ends_with(":/usr/libexec/qemu-binfmt/aarch64-binfmt-P:POCF"),
        "{again}"
    );
}

#[test]
fn what_matches_only_a_part_is_no_handler_for_all() {
    // The mask covers all bits of `e_type`, so position-independent programs are not matched.
    let exact = ARM64.replace("fffffffffffffffffeffffff", "ffffffffffffffffffffffff");
    let handler = Handler::parse("exact", &exact).unwrap();
    assert!(handler.matches(&head("arm64", ET_EXEC, 3).unwrap()));
    assert!(!handler.matches(&head("arm64", ET_DYN, 0).unwrap()));
    let all = binfmt(vec![handler.clone()]);
    assert_eq!(
        all.support("amd64", "arm64"),
        Support::Broken(&handler, Fault::Partial)
    );
}

#[test]
fn a_good_handler_beside_a_bad_one_is_taken() {
    let off = Handler {
        enabled: false,
        name: "a".to_owned(),
        ..arm64()
    };
    let lone = binfmt(vec![off.clone()]);
    assert_eq!(
        lone.support("amd64", "arm64"),
        Support::Broken(&off, Fault::Disabled)
    );
    let both = binfmt(vec![off, arm64()]);
    assert_eq!(both.support("amd64", "arm64"), Support::Emulated(&arm64()));
    assert_eq!(both.support("arm64", "arm64"), Support::Native);
    assert_eq!(both.support("amd64", "386"), Support::Native);
    assert_eq!(both.support("amd64", "s390x"), Support::None);
    let mut off = both.clone();
    off.enabled = false;
    let first = &off.handlers[0];
    assert_eq!(
        off.support("amd64", "arm64"),
        Support::Broken(first, Fault::AllDisabled)
    );
}

#[test]
fn an_extension_or_nonsense_matches_no_machine() {
    let text = "enabled\ninterpreter /usr/bin/wine\nflags: \nextension .exe\n";
    let handler = Handler::parse("exe", text).unwrap();
    assert_eq!(handler.rule, Rule::Extension(".exe".to_owned()));
    assert_eq!(handler.matched("amd64").0, 0);
    for bad in [
        "",
        "perhaps\n",
        "enabled\noffset x\n",
        "enabled\nmagic 7f4\n",
        "enabled\nmagic zz\n",
    ] {
        assert_eq!(Handler::parse("bad", bad), None, "{bad:?}");
    }
    let far = "enabled\ninterpreter /x\nflags: F\noffset 300\nmagic 00\n";
    assert_eq!(Handler::parse("far", far).unwrap().matched("arm64").0, 0);
}

/// qemu's masks for MIPS include the flags, which distinguish n32 from o32.
#[test]
fn flags_of_the_header_count_too() {
    let zeros = "00".repeat(8);
    let text = format!(
        "enabled\ninterpreter /q\nflags: F\noffset 0\n\
         magic 7f454c46010201{zeros}00\
         00020008000000010000000000000000000000000000 0000\n"
    );
    // A magic of 40 bytes with `e_flags` at offset 36. The bit ABI2 must not be set.
    let magic = format!("7f454c46010201{zeros}0000020008{}", "00".repeat(20));
    let mask = format!(
        "ffffffffffffff00{}fffeffff{}00000020",
        "ff".repeat(8),
        "00".repeat(16)
    );
    assert!(
        Handler::parse("bad", &text).is_none(),
        "a space is not a digit"
    );
    let text = format!("enabled\ninterpreter /q\nflags: F\noffset 0\nmagic {magic}\nmask {mask}\n");
    let handler = Handler::parse("mips", &text).unwrap();
    assert_eq!(handler.matched("mips"), (4, 4));
    assert_eq!(handler.matched("mipsle").0, 0);
    let mut n32 = head("mips", ET_EXEC, 0).unwrap();
    n32[39] |= 0x20;
    assert!(!handler.matches(&n32));
}
