//! Tests joined by and, or, not and parentheses, compiled to a list of instructions. The right side of
//! an `and` or `or` is skipped if the left side determines the result, so it costs nothing and prints
//! nothing. Neither parsing nor evaluation is recursive, so the length and depth of an expression are
//! limited only by the command line.

/// An instruction. There is one current value, the result of the last test or negation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Op<T> {
    /// Sets the value to the result of a test.
    Test(T),
    /// Negates the value.
    Not,
    /// Jumps to an instruction if the value is false.
    UnlessTrue(usize),
    /// Jumps to an instruction if the value is true.
    UnlessFalse(usize),
}

/// An expression that can be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression<T>(Vec<Op<T>>);

impl<T> Default for Expression<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Expression<T> {
    /// Evaluates the expression. An empty one is true.
    ///
    /// # Errors
    /// Ends at the first test that returns an error, and returns that error.
    pub fn evaluate<E>(&self, mut test: impl FnMut(&T) -> Result<bool, E>) -> Result<bool, E> {
        let mut value = true;
        let mut at = 0;
        // Jumps only lead forward, to the end of the operator's right side.
        while let Some(op) = self.0.get(at) {
            at += 1;
            match op {
                Op::Test(of) => value = test(of)?,
                Op::Not => value = !value,
                Op::UnlessTrue(to) if !value => at = *to,
                Op::UnlessFalse(to) if value => at = *to,
                Op::UnlessTrue(_) | Op::UnlessFalse(_) => {}
            }
        }
        Ok(value)
    }

    /// Returns all tests.
    pub fn tests(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|op| match op {
            Op::Test(test) => Some(test),
            _ => None,
        })
    }
}

/// An invalid order of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    /// An operator, a closing parenthesis or the end occurs where a test is expected.
    #[error("a test is missing")]
    NoTest,
    /// A test occurs where an operator is expected.
    #[error("an operator is missing")]
    NoOperator,
    /// A parenthesis that is not closed.
    #[error("there is a ( without a )")]
    Open,
    /// A parenthesis that was not opened.
    #[error("there is a ) without a (")]
    Closed,
}

/// An operator or parenthesis that is not complete yet. `And` and `Or` hold the index of their jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Open,
    Or(usize),
    And(usize),
    Not,
}

/// Compiles an expression, word by word.
#[derive(Debug)]
pub(crate) struct ExpressionBuilder<T> {
    ops: Vec<Op<T>>,
    pending: Vec<Pending>,
    /// Whether the last word was a test or closed an operand.
    complete: bool,
}

impl<T> Default for ExpressionBuilder<T> {
    fn default() -> Self {
        Self {
            ops: Vec::new(),
            pending: Vec::new(),
            complete: false,
        }
    }
}

impl<T> ExpressionBuilder<T> {
    /// Whether the words so far form an expression or the left side of an operator.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether no word was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.pending.is_empty()
    }

    fn before_operand(&self) -> Result<(), OrderError> {
        match self.complete {
            true => Err(OrderError::NoOperator),
            false => Ok(()),
        }
    }

    fn before_operator(&self) -> Result<(), OrderError> {
        match self.complete {
            true => Ok(()),
            false => Err(OrderError::NoTest),
        }
    }

    fn operand_ends(&mut self) {
        self.complete = true;
        while self.pending.pop_if(|p| *p == Pending::Not).is_some() {
            self.ops.push(Op::Not);
        }
    }

    /// Sets the target of the jump at `at`, whose operator's right side ends here.
    fn ends(&mut self, at: usize) {
        let end = self.ops.len();
        if let Some(Op::UnlessTrue(to) | Op::UnlessFalse(to)) = self.ops.get_mut(at) {
            *to = end;
        }
    }

    fn ands_end(&mut self) {
        while let Some(Pending::And(at)) = self.pending.last().copied() {
            self.pending.pop();
            self.ends(at);
        }
    }

    fn operators_end(&mut self) {
        while let Some(Pending::And(at) | Pending::Or(at)) = self.pending.last().copied() {
            self.pending.pop();
            self.ends(at);
        }
    }

    /// Adds a test.
    ///
    /// # Errors
    /// Returns an error if an operator is expected here.
    pub(crate) fn test(&mut self, test: T) -> Result<(), OrderError> {
        self.before_operand()?;
        self.ops.push(Op::Test(test));
        self.operand_ends();
        Ok(())
    }

    /// Adds a negation of the next operand.
    ///
    /// # Errors
    /// Returns an error if an operator is expected here.
    pub(crate) fn not(&mut self) -> Result<(), OrderError> {
        self.before_operand()?;
        self.pending.push(Pending::Not);
        Ok(())
    }

    /// Adds an `and`, which binds more tightly than `or`.
    ///
    /// # Errors
    /// Returns an error if an operand is expected here.
    pub(crate) fn and(&mut self) -> Result<(), OrderError> {
        self.before_operator()?;
        self.ands_end();
        self.pending.push(Pending::And(self.ops.len()));
        self.ops.push(Op::UnlessTrue(0));
        self.complete = false;
        Ok(())
    }

    /// Adds an `or`.
    ///
    /// # Errors
    /// Returns an error if an operand is expected here.
    pub(crate) fn or(&mut self) -> Result<(), OrderError> {
        self.before_operator()?;
        self.operators_end();
        self.pending.push(Pending::Or(self.ops.len()));
        self.ops.push(Op::UnlessFalse(0));
        self.complete = false;
        Ok(())
    }

    /// Adds a comma: the expression so far is evaluated only for its actions. The value is that of the
    /// next one.
    ///
    /// # Errors
    /// Returns an error if an operand is expected here.
    pub(crate) fn comma(&mut self) -> Result<(), OrderError> {
        self.before_operator()?;
        self.operators_end();
        self.complete = false;
        Ok(())
    }

    /// Opens a parenthesis.
    ///
    /// # Errors
    /// Returns an error if an operator is expected here.
    pub(crate) fn open(&mut self) -> Result<(), OrderError> {
        self.before_operand()?;
        self.pending.push(Pending::Open);
        Ok(())
    }

    /// Closes a parenthesis.
    ///
    /// # Errors
    /// Returns an error if an operand is expected here, or no parenthesis is open.
    pub(crate) fn close(&mut self) -> Result<(), OrderError> {
        self.before_operator()?;
        self.operators_end();
        match self.pending.pop() {
            Some(_) => self.operand_ends(),
            None => return Err(OrderError::Closed),
        }
        Ok(())
    }

    /// Returns the whole expression. Without any operand, it is true.
    ///
    /// # Errors
    /// Returns an error if an operand or a closing parenthesis is missing.
    pub(crate) fn finish(mut self) -> Result<Expression<T>, OrderError> {
        if !self.is_empty() {
            self.before_operator()?;
        }
        self.operators_end();
        match self.pending.pop() {
            Some(_) => Err(OrderError::Open),
            None => Ok(Expression(self.ops)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles words: `0` and `1` are tests; `&`, `|`, `!`, `(`, `)` and `,` are operators.
    fn expression(text: &str) -> Result<Expression<bool>, OrderError> {
        let mut builder = ExpressionBuilder::default();
        for word in text.chars() {
            match word {
                '0' | '1' => builder.test(word == '1'),
                '&' => builder.and(),
                '|' => builder.or(),
                '!' => builder.not(),
                '(' => builder.open(),
                ')' => builder.close(),
                _ => builder.comma(),
            }?;
        }
        builder.finish()
    }

    fn value(expression: &Expression<bool>) -> (bool, usize) {
        let mut asked = 0;
        let value = expression.evaluate(|test| {
            asked += 1;
            Ok::<_, ()>(*test)
        });
        (value.unwrap(), asked)
    }

    #[test]
    fn values_and_what_is_asked_for_them() {
        for (text, expected) in [
            ("", (true, 0)),
            ("0", (false, 1)),
            ("!0", (true, 1)),
            ("!!0", (false, 1)),
            ("1|0&0", (true, 1)),
            ("0&1|1", (true, 2)),
            ("0&(1|1)", (false, 1)),
            ("!0&1", (true, 2)),
            ("!(0&1)", (true, 1)),
            ("!(1&1)|0", (false, 3)),
            ("0|0|1|1", (true, 3)),
            ("1&1&0&1", (false, 3)),
            ("1,0", (false, 2)),
            ("0&1,1|0", (true, 2)),
            ("(1,0)|1", (true, 3)),
            ("((((1))))", (true, 1)),
            ("!(!(!(1)))", (false, 1)),
        ] {
            assert_eq!(value(&expression(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn words_out_of_order() {
        for (text, error) in [
            ("&1", OrderError::NoTest),
            ("1&", OrderError::NoTest),
            ("1|&1", OrderError::NoTest),
            ("!", OrderError::NoTest),
            ("()", OrderError::NoTest),
            ("1,", OrderError::NoTest),
            ("11", OrderError::NoOperator),
            ("1!1", OrderError::NoOperator),
            ("1(1)", OrderError::NoOperator),
            ("(1", OrderError::Open),
            ("1)", OrderError::Closed),
            ("(", OrderError::NoTest),
        ] {
            assert_eq!(expression(text), Err(error), "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}1{}", "!(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(value(&expression(&deep).unwrap()), (true, 1));
    }
}
