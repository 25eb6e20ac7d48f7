//! The environment of a process that has not been started. Values of variables may be unknown.

use std::collections::BTreeMap;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// The variable has this value.
    Known(String),
    /// The variable may have any value, or may be unset.
    Unknown,
}

/// The variables of a process. A name that is not in the map is unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment(BTreeMap<String, Value>);

impl Environment {
    /// Parses `NAME=value` lines, as in a config. If a name occurs twice, the last line counts, as with
    /// runc. A line without `=` is ignored.
    pub(crate) fn from_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let pairs = lines.into_iter().filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), Value::Known(value.to_owned())));
        Self(pairs.collect())
    }

    /// Returns the value of a variable, or `None` if it is unset.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns the value of a variable if it is set and known.
    pub(crate) fn known(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Value::Known(value)) => Some(value),
            _ => None,
        }
    }

    /// Returns true if the value of a variable is unknown, or if it is unknown whether the variable is
    /// set.
    pub(crate) fn is_unknown(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Unknown)
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Removes a variable.
    pub(crate) fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Removes all variables, as `env -i` does.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns all variables, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_name_counts() {
        let env = Environment::from_lines(["A=1", "B", "A=2=3"]);
        assert_eq!(env.known("A"), Some("2=3"));
        assert_eq!(env.get("B"), None);
    }

    #[test]
    fn an_unknown_value_is_not_an_unset_one() {
        let mut env = Environment::default();
        env.set("A", Value::Unknown);
        assert!(env.is_unknown("A") && !env.is_unknown("B"));
        assert_eq!(env.known("A"), None);
    }
}
