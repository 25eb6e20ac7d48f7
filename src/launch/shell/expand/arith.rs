//! Arithmetic expansion and commands.

use brush_parser::arithmetic;
use brush_parser::ast::{
    ArithmeticExpr, ArithmeticTarget, BinaryOperator, UnaryAssignmentOperator, UnaryOperator,
};

use super::Expanded;
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::run::Shell;
use crate::launch::shell::state::{Data, Switch};

/// The maximum length of an expression that is parsed, in bytes. The parser recurses at each operator.
const MAX_TEXT: usize = 512;

/// The maximum nesting depth of parentheses. The parser tries several alternatives at each.
const MAX_DEPTH: usize = 6;

/// The maximum depth of variables whose values are expressions with further variables.
const MAX_INDIRECT: u32 = 8;

/// The reason why an expression has no value.
enum Problem {
    /// The value is unknown.
    Unknown,
    /// The value is unknown, and the shell may report an error.
    Doubtful,
    /// The shell reports an error.
    Error,
    /// A variable is unset under `set -u`.
    Unset,
}

type Number = Result<i64, Problem>;

impl Shell<'_> {
    /// Evaluates an expression, including its assignments. Returns `None` if the value is unknown.
    pub(crate) fn arithmetic(&mut self, text: &str) -> Expanded<Option<i64>> {
        if text.len() > MAX_TEXT {
            return Ok(None);
        }
        let text = if text.contains(['$', '`', '\\']) {
            match self.expand_quoted(text)? {
                Value::Known(text) => text,
                Value::Unknown => {
                    self.forget_assigned(text);
                    return Ok(None);
                }
            }
        } else {
            text.to_owned()
        };
        match self.number(&text, MAX_INDIRECT) {
            Ok(number) => Ok(Some(number)),
            Err(problem @ (Problem::Unknown | Problem::Doubtful)) => {
                if matches!(problem, Problem::Doubtful) {
                    self.doubt();
                }
                self.forget_assigned(&text);
                Ok(None)
            }
            Err(Problem::Unset) => {
                let status = self.dialect.expansion_status(self.from_text);
                Err(self.fatal(status))
            }
            Err(Problem::Error) => match self.dialect {
                Dialect::Dash | Dialect::Busybox => Err(self.fatal(Some(2))),
                Dialect::BashPosix => Err(self.fatal(Some(if self.from_text { 127 } else { 1 }))),
                Dialect::Bash if self.from_text => Err(self.fatal(Some(1))),
                _ => Err(self.fatal(None)),
            },
        }
    }

    /// Makes the variables unknown that an expression of unknown value may assign.
    fn forget_assigned(&mut self, text: &str) {
        if !text.contains('=') && !text.contains("++") && !text.contains("--") {
            return;
        }
        let names = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in names.filter(|name| !name.is_empty()) {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                self.state.set(name, Data::Scalar(Value::Unknown));
            }
        }
    }

    fn number(&mut self, text: &str, indirect: u32) -> Number {
        let text = text.trim();
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(number) = plain(text) {
            return Ok(number);
        }
        let depth = text.matches(['(', '[']).count();
        if text.len() > MAX_TEXT || depth > MAX_DEPTH || indirect == 0 {
            return Err(Problem::Unknown);
        }
        match arithmetic::parse(text) {
            Ok(expression) => self.evaluate(&expression, indirect - 1),
            // The parser may not support the expression, or the expression may be an error.
            Err(_) => Err(Problem::Doubtful),
        }
    }

    fn evaluate(&mut self, expression: &ArithmeticExpr, indirect: u32) -> Number {
        match expression {
            ArithmeticExpr::Literal(number) => Ok(*number),
            ArithmeticExpr::Reference(target) => self.variable(target, indirect),
            ArithmeticExpr::UnaryOp(operator, operand) => {
                let operand = self.evaluate(operand, indirect)?;
                Ok(match operator {
                    UnaryOperator::UnaryPlus => operand,
                    UnaryOperator::UnaryMinus => operand.wrapping_neg(),
                    UnaryOperator::BitwiseNot => !operand,
                    UnaryOperator::LogicalNot => i64::from(operand == 0),
                })
            }
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalAnd, left, right) => {
                let left = self.evaluate(left, indirect)? != 0;
                Ok(i64::from(left && self.evaluate(right, indirect)? != 0))
            }
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalOr, left, right) => {
                let left = self.evaluate(left, indirect)? != 0;
                Ok(i64::from(left || self.evaluate(right, indirect)? != 0))
            }
            ArithmeticExpr::BinaryOp(operator, left, right) => {
                let left = self.evaluate(left, indirect)?;
                let right = self.evaluate(right, indirect)?;
                binary(*operator, left, right)
            }
            ArithmeticExpr::Conditional(condition, yes, no) => {
                let chosen = if self.evaluate(condition, indirect)? != 0 {
                    yes
                } else {
                    no
                };
                self.evaluate(chosen, indirect)
            }
            ArithmeticExpr::Assignment(target, value) => {
                let value = self.evaluate(value, indirect)?;
                self.store(target, value)
            }
            ArithmeticExpr::BinaryAssignment(operator, target, value) => {
                let before = self.variable(target, indirect)?;
                let value = self.evaluate(value, indirect)?;
                let value = binary(*operator, before, value)?;
                self.store(target, value)
            }
            ArithmeticExpr::UnaryAssignment(operator, target) => {
                let before = self.variable(target, indirect)?;
                let (value, result) = match operator {
                    UnaryAssignmentOperator::PrefixIncrement => {
                        (before.wrapping_add(1), before.wrapping_add(1))
                    }
                    UnaryAssignmentOperator::PrefixDecrement => {
                        (before.wrapping_sub(1), before.wrapping_sub(1))
                    }
                    UnaryAssignmentOperator::PostfixIncrement => (before.wrapping_add(1), before),
                    UnaryAssignmentOperator::PostfixDecrement => (before.wrapping_sub(1), before),
                };
                if !self.dialect.is_bash() && self.dialect != Dialect::Busybox {
                    return Err(Problem::Doubtful);
                }
                self.store(target, value)?;
                Ok(result)
            }
        }
    }

    fn variable(&mut self, target: &ArithmeticTarget, indirect: u32) -> Number {
        let ArithmeticTarget::Variable(name) = target else {
            return Err(Problem::Unknown);
        };
        match self.state.get(name) {
            // dash and busybox use 0 here, even under `set -u`.
            None if self.dialect.is_bash() && self.state.options.nounset == Switch::On => {
                Err(Problem::Unset)
            }
            None if self.dialect.is_bash() && self.state.options.nounset == Switch::Unknown => {
                Err(Problem::Doubtful)
            }
            None if matches!(
                name.as_str(),
                "RANDOM" | "SECONDS" | "LINENO" | "UID" | "EUID" | "PPID"
            ) =>
            {
                Err(Problem::Unknown)
            }
            None => Ok(0),
            // A value that is not a number ends the shell.
            Some(Value::Unknown) => Err(Problem::Doubtful),
            Some(Value::Known(text)) => match plain(text.trim()) {
                Some(number) => Ok(number),
                None if text.trim().is_empty() => Ok(0),
                // dash reports an illegal number, bash and busybox evaluate the text.
                None if self.dialect == Dialect::Dash => Err(Problem::Error),
                None => self.number(&text, indirect),
            },
        }
    }

    fn store(&mut self, target: &ArithmeticTarget, value: i64) -> Number {
        match target {
            ArithmeticTarget::Variable(name) => {
                if self.state.is_readonly(name) {
                    return Err(Problem::Doubtful);
                }
                self.state
                    .set(name, Data::Scalar(Value::Known(value.to_string())));
            }
            ArithmeticTarget::ArrayElement(name, _) => self.state.set(name, Data::Array(None)),
        }
        Ok(value)
    }
}

/// Parses a decimal number without leading zeros, with an optional sign.
fn plain(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let octal = digits.len() > 1 && digits.starts_with('0');
    if octal || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn binary(operator: BinaryOperator, left: i64, right: i64) -> Number {
    let shift = u32::try_from(right).ok().filter(|shift| *shift < 64);
    Ok(match operator {
        BinaryOperator::Power => {
            let exponent = u32::try_from(right).map_err(|_| Problem::Error)?;
            left.wrapping_pow(exponent)
        }
        BinaryOperator::Multiply => left.wrapping_mul(right),
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => {
            return Err(Problem::Error);
        }
        BinaryOperator::Divide => left.wrapping_div(right),
        BinaryOperator::Modulo => left.wrapping_rem(right),
        BinaryOperator::Comma => right,
        BinaryOperator::Add => left.wrapping_add(right),
        BinaryOperator::Subtract => left.wrapping_sub(right),
        BinaryOperator::ShiftLeft => left.wrapping_shl(shift.ok_or(Problem::Unknown)?),
        BinaryOperator::ShiftRight => left.wrapping_shr(shift.ok_or(Problem::Unknown)?),
        BinaryOperator::LessThan => i64::from(left < right),
        BinaryOperator::LessThanOrEqualTo => i64::from(left <= right),
        BinaryOperator::GreaterThan => i64::from(left > right),
        BinaryOperator::GreaterThanOrEqualTo => i64::from(left >= right),
        BinaryOperator::Equals => i64::from(left == right),
        BinaryOperator::NotEquals => i64::from(left != right),
        BinaryOperator::BitwiseAnd => left & right,
        BinaryOperator::BitwiseXor => left ^ right,
        BinaryOperator::BitwiseOr => left | right,
        BinaryOperator::LogicalAnd => i64::from(left != 0 && right != 0),
        BinaryOperator::LogicalOr => i64::from(left != 0 || right != 0),
    })
}
