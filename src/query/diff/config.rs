//! Compares what two images declare: their platform, and how a container is started.

use std::collections::BTreeMap;

use crate::open::OpenImage;

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigChange {
    /// `platform`, or `config.` followed by the setting's name in the document. For an environment
    /// variable, the variable's name follows: `config.Env.PATH`.
    pub key: String,
    /// The value in the old image.
    pub old: Setting,
    /// The value in the new image.
    pub new: Setting,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The config does not declare it.
    None,
    /// One value.
    One(String),
    /// A list of strings.
    List(Vec<String>),
}

/// Returns the settings that differ between two images. Environment variables are compared one by one.
/// If a variable occurs several times, its last value counts.
pub(crate) fn config_changes(old: &OpenImage, new: &OpenImage) -> Vec<ConfigChange> {
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

/// All settings, by their position in the output and their keys.
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
