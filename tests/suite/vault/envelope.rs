//! What the envelope opens, and what it does not.

use gatehouse::base::encoding::{base64url, from_base64url};
use gatehouse::base::random::Random;
use gatehouse::keys::envelope::{Envelope, KeyEncryptionKey, Unopened, parse_keys};
use gatehouse::model::connection::{Binding, SealedTokens};

use super::tokens;

fn key(name: &str, byte: u8) -> KeyEncryptionKey {
    KeyEncryptionKey::new(name, &[byte; 32]).unwrap()
}

fn envelope(bytes: &[u8]) -> Envelope {
    let keys = bytes.iter().map(|byte| key(&format!("key{byte}"), *byte)).collect();
    Envelope::new(key("derived", 0), keys)
}

fn binding() -> Binding {
    Binding {
        connection_id: "c1".to_owned(),
        user_id: "alice".to_owned(),
        provider_id: "mail".to_owned(),
        workload: "agent".to_owned(),
    }
}

#[test]
fn what_is_sealed_opens_and_is_never_the_same_twice() {
    let envelope = envelope(&[]);
    let first = envelope.seal(&Random::system(), &binding(), &tokens(1)).unwrap();
    let second = envelope.seal(&Random::system(), &binding(), &tokens(1)).unwrap();
    assert_eq!(envelope.open(&binding(), &first).unwrap(), tokens(1));
    assert!(first.sealed != second.sealed && first.wrapped_key != second.wrapped_key);
    assert_eq!(first.key_id, key("derived", 0).id());
    assert!(first.key_id.len() == 16 && first.key_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let shown = format!("{envelope:?} {first:?} {:?}", tokens(1));
    for secret in ["access 1", "refresh 1", "0, 0, 0"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A row that is copied to another connection, person, provider or agent; and texts that are cut at another place.
#[test]
fn it_opens_only_for_what_it_was_sealed_for() {
    let envelope = envelope(&[]);
    let sealed = envelope.seal(&Random::system(), &binding(), &tokens(1)).unwrap();
    let other = |change: fn(&mut Binding)| {
        let mut other = binding();
        change(&mut other);
        other
    };
    let others = [
        other(|other| other.connection_id = "c2".to_owned()),
        other(|other| other.user_id = "bob".to_owned()),
        other(|other| other.provider_id = "files".to_owned()),
        other(|other| other.workload = "another".to_owned()),
        other(|other| {
            other.connection_id = "c1alice".to_owned();
            other.user_id = String::new();
        }),
        other(|other| std::mem::swap(&mut other.provider_id, &mut other.workload)),
        other(|other| other.user_id.push('\0')),
    ];
    for other in others {
        assert_eq!(envelope.open(&other, &sealed), Err(Unopened::Damaged), "{other:?}");
        let rewrapped = envelope.rewrap(&Random::system(), &other, &sealed).unwrap();
        assert_eq!(rewrapped, Err(Unopened::Damaged), "{other:?}");
    }
}

#[test]
fn whatever_is_changed_does_not_open() {
    let envelope = envelope(&[]);
    let good = envelope.seal(&Random::system(), &binding(), &tokens(1)).unwrap();
    let another = envelope.seal(&Random::system(), &binding(), &tokens(2)).unwrap();
    let fails = |sealed: SealedTokens| assert_eq!(envelope.open(&binding(), &sealed), Err(Unopened::Damaged), "{sealed:?}");
    let wrapped = |wrapped_key: String| SealedTokens {
        wrapped_key,
        ..good.clone()
    };
    let sealed = |sealed: String| SealedTokens { sealed, ..good.clone() };
    for (text, with) in [
        (&good.wrapped_key, &wrapped as &dyn Fn(String) -> SealedTokens),
        (&good.sealed, &sealed),
    ] {
        let bytes = from_base64url(text).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fails(with(base64url(&flipped)));
            fails(with(base64url(&bytes[..at])));
        }
        fails(with(base64url(&[bytes.as_slice(), b"x"].concat())));
        fails(with(String::new()));
        fails(with(format!("{text}=")));
    }
    fails(wrapped(another.wrapped_key.clone()));
    fails(sealed(another.sealed.clone()));
    fails(sealed(good.wrapped_key.clone()));
    fails(wrapped(good.sealed.clone()));
}

#[test]
fn an_old_key_opens_until_it_is_removed() {
    let random = Random::system();
    let old = envelope(&[1]);
    let sealed = old.seal(&random, &binding(), &tokens(1)).unwrap();
    assert_eq!(sealed.key_id, key("x", 1).id(), "the name does not matter");

    let both = envelope(&[2, 1]);
    assert_eq!(both.open(&binding(), &sealed).unwrap(), tokens(1));
    let rewrapped = both.rewrap(&random, &binding(), &sealed).unwrap().unwrap();
    assert_eq!(
        (&rewrapped.key_id, &rewrapped.sealed),
        (&key("x", 2).id().to_owned(), &sealed.sealed)
    );

    let new = envelope(&[2]);
    assert_eq!(new.open(&binding(), &rewrapped).unwrap(), tokens(1));
    let missing = new.open(&binding(), &sealed).unwrap_err();
    assert_eq!(missing, Unopened::KeyMissing(sealed.key_id.clone()));
    assert!(missing.to_string().contains(&sealed.key_id) && missing.to_string().contains("vault_keys_file"));
    // Another key under the id of this one.
    let relabelled = SealedTokens {
        key_id: key("x", 2).id().to_owned(),
        ..sealed.clone()
    };
    assert_eq!(new.open(&binding(), &relabelled), Err(Unopened::Damaged));

    // What was sealed before there was a file opens with one, too.
    let derived = envelope(&[]).seal(&random, &binding(), &tokens(3)).unwrap();
    assert_eq!(both.open(&binding(), &derived).unwrap(), tokens(3));
}

#[test]
fn a_file_of_keys_is_read_strictly() {
    let good = base64url(&[7; 32]);
    let padded = format!("{good}=");
    let text = format!("# comment\n\n  new\t{good}  # the newest\nold {}\n", base64url(&[8; 32]));
    let keys = parse_keys(&text).unwrap();
    assert_eq!(keys.iter().map(KeyEncryptionKey::name).collect::<Vec<_>>(), ["new", "old"]);
    assert_eq!(keys[0].id(), key("x", 7).id());
    assert_eq!(
        parse_keys(&format!("x {padded}\r\n")).unwrap()[0].id(),
        keys[0].id(),
        "base64 as openssl writes it"
    );
    let short = base64url(&[7; 31]);
    for (text, part) in [
        (String::new(), "no key"),
        ("# nothing\n".to_owned(), "no key"),
        (format!("x {short}"), "31 bytes"),
        (format!("\nx {}", base64url(&[7; 33])), "line 2: the key has 33 bytes"),
        ("x not+base64!".to_owned(), "neither base64 nor base64url"),
        (good.clone(), "a name and a key"),
        (format!("x {good} y"), "a name and a key"),
        (format!("ü {good}"), "a name has"),
        (format!("x {good}\nx {}", base64url(&[8; 32])), "line 2: the name x is there twice"),
        (format!("x {good}\ny {padded}"), "the key x once more"),
    ] {
        let problem = parse_keys(&text).unwrap_err();
        assert!(problem.contains(part), "{text:?}: {problem}");
        assert!(!problem.contains(&good[..8]), "{problem}");
    }
}
