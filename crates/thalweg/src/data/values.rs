//! The numbers of a dense matrix: its own, or borrowed from an owner elsewhere.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Someone else's numbers, kept alive as long as they are used; nobody may change them meanwhile.
pub type Owner<T> = Arc<dyn AsRef<[T]> + Send + Sync>;

/// Row-major numbers.
#[derive(Clone)]
pub(super) enum Values<T> {
    Own(Vec<T>),
    Shared(Owner<T>),
}

impl<T: Clone> Values<T> {
    /// The same to write: a copy of shared numbers.
    pub(super) fn to_mut(&mut self) -> &mut [T] {
        if let Values::Shared(owner) = self {
            *self = Values::Own((**owner).as_ref().to_vec());
        }
        match self {
            Values::Own(values) => values,
            Values::Shared(_) => unreachable!("replaced above"),
        }
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Values::Own(values) => values,
            Values::Shared(owner) => (*owner).as_ref().to_vec(),
        }
    }
}

impl<T> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Values::Own(values) => values,
            Values::Shared(owner) => (**owner).as_ref(),
        }
    }
}

impl<T: PartialEq> PartialEq for Values<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Dense, Matrix};
    use std::sync::Arc;

    #[test]
    fn shared_numbers_are_used_where_they_are_and_copied_to_be_changed() {
        let owner = Arc::new(vec![1.0, 2.0, 3.0, 4.0]);
        let shared = Dense::shared(2, 2, owner.clone()).unwrap();
        assert_eq!(shared.values().as_ptr(), owner.as_ptr());
        assert_eq!(shared, Dense::new(2, 2, owner.to_vec()).unwrap());
        let mut changed = Matrix::Dense(shared.clone());
        changed.change_values(|x| 2.0 * x);
        assert_eq!((shared.values()[3], owner[3]), (4.0, 4.0));
        assert_eq!(changed, Matrix::Dense(Dense::new(2, 2, vec![2.0, 4.0, 6.0, 8.0]).unwrap()));
        assert!(Dense::shared(3, 2, owner).is_err());
    }
}
