//! The order in which people count: `s2` before `s10`.
//!
//! Not the `natord` crate: its order ignores blanks, so that different names compare as equal, and a sort may panic on an order that is not
//! total. Names come from files that anyone may have written.

use std::cmp::Ordering;

/// Compares runs of digits as numbers and all else byte by byte. Only equal names are equal.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (x, y) = (token(&mut rest_a), token(&mut rest_b));
        match x.cmp(&y) {
            Ordering::Equal if x.is_none() => return a.cmp(b), // such as 7 and 07
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

/// A number, by its count of significant digits and then by the digits; or one byte of text. Numbers stand before text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    Number(usize, &'a [u8]),
    Text(u8),
}

fn token<'a>(rest: &mut &'a [u8]) -> Option<Token<'a>> {
    let first = *rest.first()?;
    if !first.is_ascii_digit() {
        *rest = &rest[1..];
        return Some(Token::Text(first));
    }
    let (digits, after) = rest.split_at(rest.iter().take_while(|b| b.is_ascii_digit()).count());
    *rest = after;
    let significant = &digits[digits.iter().take_while(|&&b| b == b'0').count()..];
    Some(Token::Number(significant.len(), significant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count() {
        let mut names = ["s10/1.pgm", "s2/10.pgm", "s2/9.pgm", "s2/09.pgm", "s1/1.pgm", "a", "10", "9", "s2"];
        names.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ["9", "10", "a", "s1/1.pgm", "s2", "s2/09.pgm", "s2/9.pgm", "s2/10.pgm", "s10/1.pgm"]);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[019a ]{0,5}", b in "[019a ]{0,5}", c in "[019a ]{0,5}") {
            let (a, b, c) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
            prop_assert!(!(compare(a, b).is_lt() && compare(b, c).is_lt()) || compare(a, c).is_lt());
        }
    }
}
