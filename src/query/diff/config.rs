//! What differs in what two images declare: their platform, and what a container of them starts.

use std::collections::BTreeMap;

use crate::open::OpenImage;

/// Something in the config that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// `platform`, or `config.` and the name that it has in the document; a variable of the environment
    /// has its own name behind that: `config.Env.PATH`.
    pub key: String,
    /// What the old image declares.
    pub old: Setting,
    /// What the new one declares.
    pub new: Setting,
}

/// Something that a config declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Nothing.
    None,
    /// One value.
    One(String),
    /// A list of words.
    List(Vec<String>),
}

/// What differs in what two images declare. Of the environment each variable counts by itself, and the
/// last word on it.
pub fn config_changes(old: &OpenImage, new: &OpenImage) -> Vec<ConfigChange> {
    let (old, new) = (settings(old), settings(new));
    let mut changes = Vec::new();
    for key in old
        .keys()
        .chain(new.keys().filter(|&k| !old.contains_key(k)))
    {
        let of = |settings: &BTreeMap<(u8, String), Setting>| {
            settings.get(key).cloned().unwrap_or(Setting::None)
        };
        let (old, new) = (of(&old), of(&new));
        if old != new {
            changes.push((key, old, new));
        }
    }
    changes.sort_by(|a, b| a.0.cmp(b.0));
    let change = |(key, old, new): (&(u8, String), _, _)| ConfigChange {
        key: key.1.clone(),
        old,
        new,
    };
    changes.into_iter().map(change).collect()
}

/// All settings, by their place in the output and their keys.
fn settings(image: &OpenImage) -> BTreeMap<(u8, String), Setting> {
    let start = &image.config.start;
    let one = |value: &Option<String>| value.clone().map_or(Setting::None, Setting::One);
    let list = |words: &[String]| match words {
        [] => Setting::None,
        words => Setting::List(words.to_vec()),
    };
    let fixed = [
        ("platform", Setting::One(image.platform.to_string())),
        ("config.Entrypoint", list(&start.entrypoint)),
        ("config.Cmd", list(&start.cmd)),
        ("config.User", one(&start.user)),
        ("config.WorkingDir", one(&start.working_dir)),
    ];
    let fixed = (0..).zip(fixed);
    let mut settings: BTreeMap<_, _> = fixed
        .map(|(place, (key, value))| ((place, key.to_owned()), value))
        .collect();
    for variable in &start.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let key = (u8::MAX, format!("config.Env.{name}"));
        settings.insert(key, Setting::One(value.to_owned()));
    }
    settings
}
