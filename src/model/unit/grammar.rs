//! Units as products: `unit = term (('*' | '/') term)*`, `term = name ['^' integer] | '(' unit ')'`. A leading `/` is
//! `1/`. Exponents and lengths are bounded, so that no text can overflow a dimension.

use super::table;
use super::{UnitError, UnitErrorKind};
use crate::process::dimension::Dimension;

/// Factors of one unit, at most.
const MOST_FACTORS: usize = 8;
/// Largest exponent of one factor.
const LARGEST_EXPONENT: i32 = 9;

/// A unit as understood: `1 unit = numerator / denominator` base units.
pub(super) struct Product {
    pub(super) numerator: f64,
    pub(super) denominator: f64,
    pub(super) dimension: Dimension,
}

/// Reads a whole unit; the empty text is a plain number.
pub(super) fn parse(text: &str) -> Result<Product, UnitError> {
    let mut parser = Parser { text, at: 0, factors: 0 };
    let mut product = Product { numerator: 1.0, denominator: 1.0, dimension: Dimension::NONE };
    parser.blanks();
    if parser.peek().is_none() {
        return Ok(product);
    }
    parser.unit(&mut product, false, false)?;
    match parser.peek() {
        None => Ok(product),
        Some(_) => Err(parser.bad(text.len())),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    factors: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn step(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
    }

    fn bad(&self, end: usize) -> UnitError {
        UnitError { kind: UnitErrorKind::BadUnit, range: self.at..end.max(self.at) }
    }

    fn unit(&mut self, product: &mut Product, inverse: bool, nested: bool) -> Result<(), UnitError> {
        let mut below = inverse;
        if self.peek() == Some('/') {
            below = !inverse;
            self.step();
        }
        loop {
            self.blanks();
            self.term(product, below, nested)?;
            self.blanks();
            match self.peek() {
                Some('*' | '·' | '×') => below = inverse,
                Some('/') => below = !inverse,
                _ => return Ok(()),
            }
            self.step();
        }
    }

    fn term(&mut self, product: &mut Product, below: bool, nested: bool) -> Result<(), UnitError> {
        if self.peek() == Some('(') && !nested {
            self.step();
            self.blanks();
            self.unit(product, below, true)?;
            if self.peek() != Some(')') {
                return Err(self.bad(self.text.len()));
            }
            self.step();
            return Ok(());
        }
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '%' || c == '_') {
            self.step();
        }
        let name = &self.text[start..self.at];
        if name.is_empty() {
            let next = self.peek().map_or(0, char::len_utf8);
            return Err(self.bad(self.at + next));
        }
        let Some(unit) = table::find(name) else {
            let kind = UnitErrorKind::UnknownUnit { name: name.chars().take(40).collect(), hint: table::advice(name) };
            return Err(UnitError { kind, range: start..self.at });
        };
        let exponent = self.exponent()?;
        self.factors += 1;
        if self.factors > MOST_FACTORS {
            return Err(UnitError { kind: UnitErrorKind::BadUnit, range: start..self.at });
        }
        let signed = if below { -exponent } else { exponent };
        let (mut up, mut down) = (unit.numerator, unit.denominator);
        if signed < 0 {
            std::mem::swap(&mut up, &mut down);
        }
        for _ in 0..signed.abs() {
            product.numerator *= up;
            product.denominator *= down;
            product.dimension =
                if signed < 0 { product.dimension / unit.dimension } else { product.dimension * unit.dimension };
        }
        Ok(())
    }

    fn exponent(&mut self) -> Result<i32, UnitError> {
        if self.peek() != Some('^') {
            return Ok(1);
        }
        let start = self.at;
        self.step();
        let digits = self.at;
        if self.peek() == Some('-') {
            self.step();
        }
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.step();
        }
        match self.text[digits..self.at].parse::<i32>() {
            Ok(exponent) if exponent.abs() <= LARGEST_EXPONENT => Ok(exponent),
            _ => Err(UnitError { kind: UnitErrorKind::BadUnit, range: start..self.at }),
        }
    }
}
