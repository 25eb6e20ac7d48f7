//! The credentials of a process. They come from the config's `User`, resolved as container runtimes do,
//! or from a name passed to a launcher such as `gosu`.
//!
//! The rules are those of `GetExecUser` in github.com/moby/sys/user, which runc, Docker and containerd
//! share. A number is a uid, whether or not `/etc/passwd` contains it. A name must be in the file. The
//! group comes from the specification or from the passwd entry. The supplementary groups are those of
//! `/etc/group` that list the user's name. They only count if no group was given.

use std::io;

use super::image::Image;

/// The maximum number of bytes that are read of `/etc/passwd` and `/etc/group`.
const LIMIT: u64 = 4 << 20;

/// The highest id that runtimes accept.
const MAX_ID: u32 = i32::MAX as u32;

/// The credentials that a process runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// The name of the uid in `/etc/passwd`.
    pub name: Option<String>,
    /// The home directory of the user in `/etc/passwd`.
    pub home: Option<String>,
}

impl Credentials {
    /// Returns true if the process overrides file permissions (CAP_DAC_OVERRIDE), as root does in a
    /// container.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Returns true if the process is in a group.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// An error in resolving a user or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserError {
    /// `/etc/passwd` has no such user.
    NoUser(String),
    /// `/etc/group` has no such group.
    NoGroup(String),
    /// The number is out of the range of ids.
    Range(String),
}

impl UserError {
    /// Returns the message that Docker prints.
    pub(super) fn message(&self) -> String {
        match self {
            Self::NoUser(name) => {
                format!("unable to find user {name}: no matching entries in passwd file")
            }
            Self::NoGroup(name) => {
                format!("unable to find group {name}: no matching entries in group file")
            }
            Self::Range(_) => "uids and gids must be in range 0-2147483647".to_owned(),
        }
    }
}

/// An entry of `/etc/passwd` (passwd(5)).
struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// An entry of `/etc/group` (group(5)).
struct GroupEntry<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

fn passwd(text: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let mut fields = fields.skip(1);
        // An invalid number counts as 0, as with the runtimes.
        let mut number = || fields.next().unwrap_or_default().parse().unwrap_or(0);
        let (uid, gid) = (number(), number());
        let home = fields.nth(1).unwrap_or_default();
        Some(PasswdEntry {
            name,
            uid,
            gid,
            home,
        })
    })
}

fn group(text: &str) -> impl Iterator<Item = GroupEntry<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = fields.nth(1).unwrap_or_default().parse().unwrap_or(0);
        let members = fields.next().unwrap_or_default();
        Some(GroupEntry { name, gid, members })
    })
}

/// The texts of `/etc/passwd` and `/etc/group`. A missing file counts as empty.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Reads both files.
    ///
    /// # Errors
    /// Returns an error if a file exists and cannot be read.
    pub(super) fn read(image: &Image<'_>) -> io::Result<Self> {
        let text = |path: &[u8]| {
            let bytes = image.read_file(path, LIMIT)?.unwrap_or_default();
            Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Self {
            passwd: text(b"/etc/passwd")?,
            group: text(b"/etc/group")?,
        })
    }

    /// Resolves `USER[:GROUP]`. Both may be numbers. An empty text is root.
    ///
    /// # Errors
    /// Returns an error if a name is not found, or if a number is out of range.
    pub(super) fn resolve(&self, spec: &str) -> Result<Credentials, UserError> {
        let (user, wanted_group) = spec.split_once(':').unwrap_or((spec, ""));
        let number = |text: &str| text.parse::<i64>().ok();
        let id = |value: i64, text: &str| {
            let id = u32::try_from(value).ok().filter(|&id| id <= MAX_ID);
            id.ok_or_else(|| UserError::Range(text.to_owned()))
        };
        let entry = passwd(&self.passwd).find(|entry| match number(user) {
            _ if user.is_empty() => entry.uid == 0,
            Some(uid) => i64::from(entry.uid) == uid,
            None => entry.name == user,
        });
        let mut credentials = Credentials::default();
        match entry {
            Some(entry) => {
                credentials.uid = entry.uid;
                credentials.gid = entry.gid;
                credentials.name = Some(entry.name.to_owned());
                credentials.home = Some(entry.home.to_owned());
            }
            None if user.is_empty() => {}
            None => {
                let uid = number(user).ok_or_else(|| UserError::NoUser(user.to_owned()))?;
                credentials.uid = id(uid, user)?;
            }
        }
        if !wanted_group.is_empty() {
            let found = group(&self.group).find(|entry| match number(wanted_group) {
                Some(gid) => i64::from(entry.gid) == gid,
                None => entry.name == wanted_group,
            });
            credentials.gid = match found {
                Some(entry) => entry.gid,
                None => {
                    let gid = number(wanted_group);
                    id(
                        gid.ok_or_else(|| UserError::NoGroup(wanted_group.to_owned()))?,
                        wanted_group,
                    )?
                }
            };
        } else if let Some(name) = &credentials.name {
            credentials.groups = self.groups_of(name);
        }
        Ok(credentials)
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        let listed = |entry: &GroupEntry<'_>| entry.members.split(',').any(|name| name == user);
        let groups = group(&self.group).filter(listed);
        groups.map(|entry| entry.gid).collect()
    }

    /// Returns the name of a uid.
    pub(super) fn name_of(&self, uid: u32) -> Option<String> {
        let entry = passwd(&self.passwd).find(|entry| entry.uid == uid);
        entry.map(|entry| entry.name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\n\napp:x:1000:100:App:/home/app:/bin/sh\n\
                     www:x:33:33::/var/www:/usr/sbin/nologin\n"
                .to_owned(),
            group: "root:x:0:\nusers:x:100:\ndocker:x:999:app,www\ntty:x:5:app\n".to_owned(),
        }
    }

    fn ids(spec: &str) -> Result<(u32, u32, Vec<u32>), UserError> {
        let credentials = accounts().resolve(spec)?;
        Ok((credentials.uid, credentials.gid, credentials.groups))
    }

    #[test]
    fn a_name_brings_its_groups() {
        assert_eq!(ids("app"), Ok((1000, 100, vec![999, 5])));
        assert_eq!(ids("1000"), Ok((1000, 100, vec![999, 5])));
        assert_eq!(ids(""), Ok((0, 0, vec![])));
        assert_eq!(
            accounts().resolve("app").unwrap().home.as_deref(),
            Some("/home/app")
        );
    }

    #[test]
    fn a_given_group_replaces_all_others() {
        assert_eq!(ids("app:docker"), Ok((1000, 999, vec![])));
        assert_eq!(ids("app:7"), Ok((1000, 7, vec![])));
        assert_eq!(ids(":tty"), Ok((0, 5, vec![])));
    }

    #[test]
    fn a_number_need_not_be_known() {
        assert_eq!(ids("4000"), Ok((4000, 0, vec![])));
        assert_eq!(ids("4000:4000"), Ok((4000, 4000, vec![])));
    }

    #[test]
    fn unknown_names_and_odd_numbers_are_errors() {
        assert_eq!(ids("nobody"), Err(UserError::NoUser("nobody".to_owned())));
        assert_eq!(
            ids("app:wheel"),
            Err(UserError::NoGroup("wheel".to_owned()))
        );
        assert_eq!(ids("-1"), Err(UserError::Range("-1".to_owned())));
        assert_eq!(
            ids("4294967296"),
            Err(UserError::Range("4294967296".to_owned()))
        );
    }
}
