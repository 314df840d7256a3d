//! Argon2id (RFC 9106): computed by the library that uses all that the processor has for it, in half the time of the one that is known
//! best, to which it is compared first. Where they differ, the latter computes.

use std::sync::{Mutex, PoisonError};

use argon2_rust::params::Memory;
use argon2_rust::{Hasher, Params};

use crate::base::fault::Fault;

use super::passwords::PasswordCost;

/// Length of a digest, in bytes.
pub(super) const OUTPUT: usize = 32;

/// Computes digests. The memory of one that is done serves the next one.
pub(super) struct Argon2id {
    memory: Mutex<Vec<Hasher>>,
    /// Whether both libraries agree here
    is_quick: bool,
}

impl Argon2id {
    /// Compares the libraries.
    ///
    /// # Errors
    /// When the one that is known best fails.
    pub(super) fn new() -> Result<Self, Fault> {
        let quick = Self {
            memory: Mutex::default(),
            is_quick: true,
        };
        for cost in [(64, 3, 1), (200, 1, 3)] {
            let (memory_kib, passes, lanes) = cost;
            let cost = PasswordCost { memory_kib, passes, lanes };
            let [password, salt] = [b"what both must make the same of", &b"sixteen of salt."[..]];
            let known = known_best(password, cost, salt)?;
            if quick.digest(password, cost, salt).ok() != Some(known) {
                tracing::error!(
                    event = "argon2id_differs",
                    "the quick computation of Argon2id is wrong on this processor, and another one is used, which takes twice as long"
                );
                return Ok(Self {
                    memory: Mutex::default(),
                    is_quick: false,
                });
            }
        }
        Ok(quick)
    }

    /// The digest of a password with a salt of eight bytes or more (RFC 9106 §3.1).
    ///
    /// # Errors
    /// When the cost or the salt is outside what Argon2 allows, or there is not enough memory.
    pub(super) fn digest(&self, password: &[u8], cost: PasswordCost, salt: &[u8]) -> Result<[u8; OUTPUT], Fault> {
        if !self.is_quick {
            return known_best(password, cost, salt);
        }
        let params = Params::builder().memory(Memory::kib(u64::from(cost.memory_kib)));
        let params = params
            .passes(cost.passes)
            .lanes(cost.lanes)
            .threads(1)
            .build()
            .map_err(Fault::internal)?;
        let argon2 = argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params);
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut hasher = known.unwrap_or_else(|| argon2.hasher());
        hasher.set_argon2(argon2);
        let mut digest = [0; OUTPUT];
        let outcome = hasher.hash_into(password, salt, &mut digest);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(hasher);
        outcome.map(|()| digest).map_err(Fault::internal)
    }
}

fn known_best(password: &[u8], cost: PasswordCost, salt: &[u8]) -> Result<[u8; OUTPUT], Fault> {
    let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUTPUT)).map_err(Fault::internal)?;
    let mut digest = [0; OUTPUT];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(password, salt, &mut digest)
        .map_err(Fault::internal)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Argon2id, known_best};
    use crate::keys::passwords::PasswordCost;

    #[test]
    fn the_libraries_agree_here() {
        assert!(Argon2id::new().unwrap().is_quick);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// One after the other in the same memory, of whatever size they are.
        #[test]
        fn the_quick_one_makes_the_same(
            hashes in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..200), prop::collection::vec(any::<u8>(), 8..48), 1_u32..5, 1_u32..4, 8_u32..300),
                1..4,
            ),
        ) {
            let quick = Argon2id::new().unwrap();
            for (password, salt, lanes, passes, memory) in hashes {
                let cost = PasswordCost { memory_kib: memory.max(8 * lanes), passes, lanes };
                prop_assert_eq!(quick.digest(&password, cost, &salt).unwrap(), known_best(&password, cost, &salt).unwrap());
            }
        }
    }

    /// RFC 9106 has no vector without a secret and associated data; these are of the reference implementation's own tests.
    #[test]
    fn vectors_of_the_reference_implementation() {
        let quick = Argon2id::new().unwrap();
        for (memory_kib, passes, lanes, password, salt, digest) in [
            (
                65_536,
                2,
                1,
                "password",
                "somesalt",
                "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
            ),
            (
                256,
                2,
                1,
                "password",
                "somesalt",
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                256,
                2,
                2,
                "password",
                "somesalt",
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
            (
                65_536,
                2,
                1,
                "differentpassword",
                "somesalt",
                "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde",
            ),
        ] {
            let cost = PasswordCost { memory_kib, passes, lanes };
            let computed = quick.digest(password.as_bytes(), cost, salt.as_bytes()).unwrap();
            let byte = |at: usize| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).unwrap();
            assert_eq!(computed, std::array::from_fn::<u8, 32, _>(byte));
        }
    }
}
