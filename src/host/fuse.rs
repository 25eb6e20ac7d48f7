//! Checks the requirements of a mount: the FUSE device, the right to mount, and, for ordinary
//! users, the helper.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use super::{Check, Host, LookError, Status};

/// The command that installs the helper on Debian and its derivatives.
const INSTALL: &str = "apt-get install fuse3";

/// The bit of CAP_SYS_ADMIN in a capability set (capabilities(7)).
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// The user of this process, from `/proc/self/status` (proc_pid_status(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The effective user id.
    pub uid: u32,
    /// Whether the process has CAP_SYS_ADMIN, which mount(2) requires.
    pub may_mount: bool,
    /// Whether setuid programs gain no privileges (PR_SET_NO_NEW_PRIVS).
    pub no_new_privs: bool,
}

impl User {
    /// Parses the lines of `/proc/self/status`. `None` if the uid or the effective capabilities are
    /// missing or malformed.
    pub(super) fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name))?;
            line.strip_prefix(':').map(str::trim)
        };
        // Real, effective, saved and file system uid.
        let uid = field("Uid")?.split_whitespace().nth(1)?.parse().ok()?;
        let capabilities = u64::from_str_radix(field("CapEff")?, 16).ok()?;
        Some(Self {
            uid,
            may_mount: capabilities & CAP_SYS_ADMIN != 0,
            no_new_privs: field("NoNewPrivs") == Some("1"),
        })
    }
}

pub(super) fn checks(host: &Host) -> Vec<Result<Check, LookError>> {
    let status = host.at("/proc/self/status");
    let user = fs::read_to_string(&status).and_then(|text| {
        let user = User::parse(&text);
        user.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not name a user"))
    });
    let user = user.map_err(|error| LookError {
        what: status.display().to_string(),
        error,
    });
    let user = match user {
        Ok(user) => user,
        Err(error) => return vec![device(host, None), Err(error)],
    };
    vec![
        device(host, Some(user)),
        Ok(right(host, user)),
        Ok(helper(host, user)),
        allow_other(host, user),
    ]
}

fn device(host: &Host, user: Option<User>) -> Result<Check, LookError> {
    const WHAT: &str = "/dev/fuse";
    let path = host.at(WHAT);
    let absent = |found: &str| {
        let container = "in a container: --device /dev/fuse --cap-add SYS_ADMIN";
        Ok(Check::lacking(
            WHAT,
            format!("{found} ({container})"),
            "modprobe fuse",
        ))
    };
    match fs::metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return absent("does not exist"),
        Err(error) => {
            let what = path.display().to_string();
            return Err(LookError { what, error });
        }
        Ok(meta) if !meta.file_type().is_char_device() => {
            return Ok(Check::lacking(
                WHAT,
                "not a device",
                "rm /dev/fuse; mknod -m 666 /dev/fuse c 10 229",
            ));
        }
        Ok(_) => {}
    }
    // The check is whether it can be opened. Opening it has no effect until something is mounted.
    match fs::OpenOptions::new().read(true).write(true).open(&path) {
        Ok(_) => Ok(Check::ok(WHAT, "can be opened")),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            match user.is_some_and(|u| u.uid == 0) {
                // For root, only the container's device rules deny access.
                true => absent("not allowed here"),
                false => Ok(Check::lacking(
                    WHAT,
                    "you have no permission to open it",
                    "chmod 666 /dev/fuse",
                )),
            }
        }
        // ENXIO or ENODEV: the device node exists, but the module is not loaded.
        Err(error) => absent(&error.to_string()),
    }
}

/// Checks the right to mount: mount(2) for root, the helper for everyone else.
fn right(host: &Host, user: User) -> Check {
    const WHAT: &str = "right to mount";
    if user.may_mount {
        return Check::ok(WHAT, "mount(2) is allowed");
    }
    if user.uid == 0 {
        return Check::lacking(
            WHAT,
            "you are root without CAP_SYS_ADMIN",
            "docker run --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined",
        );
    }
    if user.no_new_privs {
        return Check::lacking(
            WHAT,
            "no_new_privs is set, so fusermount3 gains no right",
            "docker run --security-opt no-new-privileges=false",
        );
    }
    match find(host) {
        Some(_) => Check::ok(WHAT, "through fusermount3"),
        None => Check::lacking(WHAT, "fusermount3 is not installed", INSTALL),
    }
}

/// Finds the executable fusermount3 in the directories of `PATH`.
fn find(host: &Host) -> Option<(PathBuf, fs::Metadata)> {
    host.path.iter().find_map(|dir| {
        let path = dir.join("fusermount3");
        let meta = fs::metadata(host.at(&path)).ok()?;
        (meta.is_file() && meta.mode() & 0o111 != 0).then_some((path, meta))
    })
}

fn helper(host: &Host, user: User) -> Check {
    const WHAT: &str = "fusermount3";
    let check = match find(host) {
        None => Check::lacking(WHAT, "not installed", INSTALL),
        Some((path, meta)) => {
            let (path, is_root, is_setuid) =
                (path.display(), meta.uid() == 0, meta.mode() & 0o4000 != 0);
            match (is_root, is_setuid) {
                (true, true) => Check::ok(WHAT, format!("{path}, setuid root")),
                _ => Check::lacking(
                    WHAT,
                    format!("{path} is not setuid root"),
                    format!("chown root {path}; chmod u+s {path}"),
                ),
            }
        }
    };
    for_ordinary_users(check, user)
}

/// Checks `user_allow_other` in fuse.conf. Without it fusermount3 refuses `--allow-other`
/// (fuse.conf in mount.fuse3(8)).
fn allow_other(host: &Host, user: User) -> Result<Check, LookError> {
    const WHAT: &str = "user_allow_other";
    const FILE: &str = "/etc/fuse.conf";
    let path = host.at(FILE);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let what = path.display().to_string();
            return Err(LookError { what, error });
        }
    };
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let check = match lines.any(|line| line.trim() == WHAT) {
        true => Check::ok(WHAT, format!("set in {FILE}")),
        false => Check::lacking(
            WHAT,
            format!("not set in {FILE}, which imgfs mount --allow-other needs"),
            format!("echo {WHAT} >> {FILE}"),
        ),
    };
    Ok(for_ordinary_users(check, user))
}

/// Turns a missing item into a note for a user who may mount without the helper.
fn for_ordinary_users(mut check: Check, user: User) -> Check {
    if check.status == Status::Lacking && user.may_mount {
        check.status = Status::Note;
        check.found += "; only ordinary users need it";
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks() {
        let status = "Name:\timgfs\nUid:\t1000\t0\t0\t0\nNoNewPrivs:\t1\n\
            CapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n";
        let user = User {
            uid: 0,
            may_mount: true,
            no_new_privs: true,
        };
        assert_eq!(User::parse(status), Some(user));
        let docker = status.replace("000001ffffffffff", "00000000a80425fb");
        assert!(!User::parse(&docker).unwrap().may_mount);
        assert_eq!(User::parse("Name:\tx\n"), None);
    }
}
