//! Generates random shell scripts from a grammar.

use crate::launch::shell::Dialect;

/// A generator of scripts. The same seed produces the same script.
pub(super) struct Generator {
    state: u64,
    dialect: Dialect,
    depth: u32,
    in_loop: bool,
    in_function: bool,
}

impl Generator {
    pub(super) fn new(seed: u64, dialect: Dialect) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            dialect,
            depth: 0,
            in_loop: false,
            in_function: false,
        }
    }

    /// xorshift64*
    fn next(&mut self, below: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % below
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.next(choices.len())]
    }

    pub(super) fn script(&mut self) -> String {
        let mut text = String::new();
        if self.next(4) == 0 {
            text.push_str(self.pick(&["set -e\n", "set -u\n", "set -eu\n", "set -f\n"]));
        }
        for name in ["f", "g"] {
            if self.next(2) == 0 {
                self.in_function = true;
                let body = self.list();
                self.in_function = false;
                text.push_str(&format!("{name}() {{\n{body}}}\n"));
            }
        }
        for _ in 0..=self.next(3) {
            text.push_str(&self.list());
        }
        text
    }

    fn list(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.next(2) {
            text.push_str(&self.and_or());
            text.push('\n');
        }
        text
    }

    fn and_or(&mut self) -> String {
        let mut text = self.pipeline();
        while self.next(4) == 0 {
            text.push_str(self.pick(&[" && ", " || "]));
            text.push_str(&self.pipeline());
        }
        text
    }

    fn pipeline(&mut self) -> String {
        let mut text = String::new();
        if self.next(8) == 0 {
            text.push_str("! ");
        }
        text.push_str(&self.command());
        if self.next(12) == 0 {
            text.push_str(" | ");
            text.push_str(&self.command());
        }
        text
    }

    fn command(&mut self) -> String {
        if self.depth >= 2 {
            return self.simple();
        }
        self.depth += 1;
        let text = match self.next(16) {
            0 => {
                let (condition, then) = (self.and_or(), self.list());
                let otherwise = if self.next(2) == 0 {
                    format!("else\n{}", self.list())
                } else {
                    String::new()
                };
                format!("if {condition}; then\n{then}{otherwise}fi")
            }
            1 => {
                let word = self.word();
                let (a, b) = (self.list(), self.list());
                let pattern = self.pick(&["one", "o*|x", "[a-m]*", "-?", "'*'", "?*", "\"$1\""]);
                let last = self.pick(&["*", "two*", "-x"]);
                format!("case {word} in\n{pattern}) {a};;\n{last})\n{b};;\nesac")
                    .replace("\n;;", ";;")
            }
            2 => {
                let outer = std::mem::replace(&mut self.in_loop, true);
                let words = self.pick(&["1 2", "\"$@\"", "$A", "*.sh", "\"$1\" x", "$E"]);
                let body = self.list();
                self.in_loop = outer;
                format!("for i in {words}; do\n{body}done")
            }
            3 => format!("{{ {}}}", self.list()),
            4 => format!("( {})", self.list()),
            5 => {
                let outer = std::mem::replace(&mut self.in_loop, true);
                let body = self.list();
                self.in_loop = outer;
                format!("while [ $# -gt 1 ]; do\nshift\n{body}done")
            }
            6 => {
                let name = self.pick(&["f", "g"]);
                format!("{name} {}", self.word())
            }
            7 => format!(
                "eval {}",
                self.pick(&[
                    "'ls eval $A'",
                    "\"A=$1\"",
                    "ls $E",
                    "'grep; expr'",
                    "'set -- p q'"
                ])
            ),
            _ => self.simple(),
        };
        self.depth -= 1;
        text
    }

    fn simple(&mut self) -> String {
        match self.next(26) {
            0..=5 => {
                let program = self.pick(&["ls", "setup", "grep", "expr", "./nope", "ls"]);
                let count = self.next(3);
                let mut text = program.to_owned();
                for _ in 0..count {
                    text.push(' ');
                    text.push_str(&self.word());
                }
                text.push_str(self.redirect());
                text
            }
            6 | 7 => format!("{}={}", self.pick(&["A", "B", "V", "E"]), self.word()),
            8 => format!(
                "export {}",
                self.pick(&["V", "V=x", "V=\"$1 y\"", "A", "V=$E"])
            ),
            9 | 10 => self.test(),
            11 => format!(
                "{} {}",
                self.pick(&["echo", "printf %s", ":", "true", "false"]),
                self.word()
            ),
            12 => format!("V={} ls {}", self.word(), self.word()),
            13 => self
                .pick(&[
                    "shift",
                    "set -- a 'b c'",
                    "set -- \"$@\" z",
                    "set --",
                    "shift 2",
                    "set -- $A",
                ])
                .to_owned(),
            14 => self
                .pick(&[
                    "cd dir",
                    "cd ..",
                    "cd /nope",
                    "cd \"$OLDPWD\"",
                    "cd empty && ls *",
                ])
                .to_owned(),
            15 => self
                .pick(&["unset A", "unset V", "unset -f g", "unset nope", "unset E"])
                .to_owned(),
            16 => self
                .pick(&["exit", "exit 5", "return", "return 6", "(exit 7)"])
                .to_owned(),
            17 if self.in_loop => self.pick(&["break", "continue", "break 2"]).to_owned(),
            18 => self
                .pick(&[
                    ". ./a.sh",
                    ". ./b.sh",
                    ". ./nope.sh",
                    "command . ./nope.sh",
                    ". ./a.sh arg",
                ])
                .to_owned(),
            19 => self
                .pick(&[
                    "exec ls end",
                    "exec ./nope",
                    "exec 3>&1",
                    "command ls x",
                    "command -v ls",
                    "command -v nope",
                ])
                .to_owned(),
            20 if self.in_function => self
                .pick(&["local A", "local A=x B", "local V=\"$1\""])
                .to_owned(),
            21 => self
                .pick(&[
                    "readonly R=1",
                    "R=2",
                    "ls \"$R\"",
                    "set -e",
                    "set +e",
                    "set -u",
                    "set +u",
                ])
                .to_owned(),
            22 => format!(
                "A=$({})",
                self.pick(&[
                    "echo 'a  b'",
                    "printf 'x\\n\\n'",
                    "grep",
                    "echo one; expr",
                    "ls q",
                    "echo $E | ls",
                    "exit 4",
                    "f x"
                ])
            ),
            23 => self
                .pick(&[
                    "ls $?",
                    "ls \"$#\" \"$0\"",
                    "ls \"$*\"",
                    "ls \"$@\" end",
                    "ls $((1+2*3)) $((A+1))",
                ])
                .replace("\"$0\"", "x"),
            24 => self.extension(),
            _ => format!("ls {}", self.word()),
        }
    }

    fn redirect(&mut self) -> &'static str {
        match self.next(14) {
            0 => " > /nope/x",
            1 => " < ./nope",
            2 => " 2>/dev/null",
            3 => " < file.txt",
            4 => " <<EOT\ntext $A\nEOT\n:",
            _ => "",
        }
    }

    fn test(&mut self) -> String {
        let operand = self.word();
        match self.next(12) {
            0 => format!("[ -n {operand} ]"),
            1 => format!("[ -z {operand} ]"),
            2 => format!("[ {operand} = one ]"),
            3 => format!("test {operand} != \"$1\""),
            4 => format!(
                "[ $# -{} {} ]",
                self.pick(&["gt", "eq", "lt", "ne", "ge", "le"]),
                self.next(4)
            ),
            5 => "[ -f file.txt ] && [ ! -d file.txt ]".to_owned(),
            6 => format!(
                "[ -{} {} ]",
                self.pick(&["e", "f", "d", "s", "x"]),
                self.pick(&["dir", "a.sh", "nope", "../bin/ls"])
            ),
            7 => format!("[ \"$A\" = x -o \"$1\" {} one ]", self.pick(&["=", "!="])),
            8 => format!("[ -n \"$A\" -a -z {operand} ]"),
            9 => "[ \"$A\" ]".to_owned(),
            10 => "[ 1 -eq x ]".to_owned(),
            _ => format!("[ ! {operand} ]"),
        }
    }

    fn word(&mut self) -> String {
        match self.next(24) {
            0 => "plain".to_owned(),
            1 => "'single $A'".to_owned(),
            2 => "\"double $A\"".to_owned(),
            3 => "$A".to_owned(),
            4 => "\"$1\"".to_owned(),
            5 => "$1".to_owned(),
            6 => "\"$@\"".to_owned(),
            7 => format!(
                "${{{}{}{}}}",
                self.pick(&["A", "EMPTY", "nope", "E", "1", "9"]),
                self.pick(&[":-", "-", ":+", "+"]),
                self.pick(&["d", "'q r'", "\"$2\"", "", "x y"])
            ),
            8 => format!(
                "\"${{{}{}{}}}\"",
                self.pick(&["A", "EMPTY", "nope", "E", "2"]),
                self.pick(&[":-", "-", ":+", "+", ":=", "="])
                    .replace(":=", ":-"),
                self.pick(&["d", "$2", "x y", "", "it's"])
            )
            .replace("it's", "its"),
            9 => format!(
                "${{{}{}{}}}",
                self.pick(&["E", "A", "PWD", "2"]),
                self.pick(&["#", "##", "%", "%%"]),
                self.pick(&["*o", "e*", "?", "* ", "[a-n]", "one", "*/"])
            ),
            10 => format!(
                "\"$({})\"",
                self.pick(&[
                    "echo sub",
                    "echo \"$A\"",
                    "printf '%s-' a b",
                    "echo \"a'b\"",
                    "basename /x/y.z .z",
                    "dirname /x/y",
                    "ls in >/dev/null; echo out"
                ])
            ),
            11 => "$(echo a b)".to_owned(),
            12 => "`echo back`".to_owned(),
            13 => "*.sh".to_owned(),
            14 => "dir/*".to_owned(),
            15 => "'*'".to_owned(),
            16 => "nomatch*".to_owned(),
            17 => "${#E}".to_owned(),
            18 => "$((2*3))".to_owned(),
            19 => "a\\ b".to_owned(),
            20 => "\"\"".to_owned(),
            21 => format!(
                "${{{}={}}}",
                self.pick(&["A", "D", "EMPTY"]),
                self.pick(&["set", "p q"])
            ),
            22 => self
                .pick(&[
                    "${E}x",
                    "x$E",
                    "\"x\"$E'y'",
                    "$E$E",
                    "${1}${2}",
                    "$*",
                    "\"$*\"",
                ])
                .to_owned(),
            _ => "-x".to_owned(),
        }
    }

    fn extension(&mut self) -> String {
        let choices: &[&str] = &[
            "[[ -n $A ]]",
            "[[ one == o* ]]",
            "ls ${E:1:2}",
            "ls \"${E/v/w}\"",
            "ls {a,b}",
            "let A=1+1",
            "source ./a.sh",
            "[ a == a ]",
            "ls $'t\\tx'",
            "declare A=1",
            "set -o pipefail",
            "(( 1 ))",
            "ls \"${nope:?}\"",
            "ls \"${!E}\"",
        ];
        let bash: &[&str] = &[
            "a=(1 '2 3' $E)",
            "a=(x y); ls \"${a[@]}\" ${#a[@]}",
            "ls \"${a[0]}\"",
            "ls \"${@:2}\"",
            "ls \"${E^^}\"",
            "(( A = 2 + 3 )) || :",
            "function h { ls h; }; h",
            "ls \"${1:0:-1}\"",
            "A+=more",
            "[[ $1 == one && ! -f nope ]]",
            "for ((i=0; i<2; i++)); do ls $i; done",
            "read -r A <<< 'x y'",
        ];
        if self.dialect != Dialect::Dash && self.dialect != Dialect::Busybox && self.next(2) == 0 {
            self.pick(bash).to_owned()
        } else {
            self.pick(choices).to_owned()
        }
    }
}
