//! What cannot be done for less: signatures, hashes and durable writes, by themselves, measured in the same minutes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use argon2_rust::params::Memory;
use argon2_rust::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    UnparsedPublicKey,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::support::machine::{Disk, own_thread, precise};
use crate::support::{Outcome, say};

/// For how long each is tried.
const TIME: Duration = Duration::from_millis(700);
/// Times that it is, of which the middle one counts.
const TIMES: usize = 3;
/// Of Argon2id, as the server computes it unless it is told otherwise: KiB, passes, lanes.
const ARGON2: (u32, u32, u32) = (19_456, 2, 1);
/// As long as a token without its signature.
const MESSAGE: [u8; 500] = [b'x'; 500];
/// Rows of a commit.
pub const ROWS: [u64; 3] = [1, 8, 64];

/// Processor time of each, in microseconds, and rates.
#[derive(Clone, Debug)]
pub struct Limits {
    pub rsa: f64,
    pub es256: f64,
    pub ed25519: f64,
    pub verify: f64,
    pub argon2: f64,
    /// A second, on all processors
    pub argon2_rate: f64,
    pub disk: Disk,
    /// Rows a second, for each of [`ROWS`]
    pub rows: [f64; 3],
}

impl Limits {
    pub async fn measure(folder: &Path) -> Outcome<Self> {
        let [rsa, es256, ed25519, verify] = tokio::task::spawn_blocking(signatures).await??;
        let argon2 = tokio::task::spawn_blocking(|| cost(hashing()?)).await??;
        let mut rows = [0.0; 3];
        for (rate, of_commit) in rows.iter_mut().zip(ROWS) {
            *rate = inserted(folder, of_commit).await?;
        }
        Ok(Self {
            rsa,
            es256,
            ed25519,
            verify,
            argon2,
            argon2_rate: tokio::task::spawn_blocking(argon2_rate).await??,
            disk: Disk::measure(folder)?,
            rows,
        })
    }

    pub fn say(&self) {
        let Self {
            rsa,
            es256,
            ed25519,
            verify,
            argon2,
            argon2_rate,
            disk,
            rows,
        } = self;
        let [one, eight, many] = rows;
        say(&format!(
            "limits: RSA-2048 signature {rsa:.0} µs, ES256 {es256:.1} µs, Ed25519 {ed25519:.1} µs, RS256 verification {verify:.1} µs \
             (processor time, key kept)"
        ));
        say(&format!(
            "        Argon2id (19 MiB, 2 passes, 1 lane, memory reused) {:.1} ms; {argon2_rate:.0} a second on all processors",
            argon2 / 1000.0
        ));
        say(&format!(
            "        {}: fdatasync of 4 KiB {:.2} ms (p99 {:.2} ms), {:.0} a second; SQLite, WAL, synchronous=FULL: {one:.0} / {eight:.0} / {many:.0} \
             rows a second with 1 / 8 / 64 in a commit",
            disk.kind, disk.median, disk.p99, disk.rate
        ));
    }
}

/// Processor time that something takes, in microseconds.
fn cost(mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut costs = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let (begun, before) = (Instant::now(), own_thread()?);
        let mut count = 0;
        while begun.elapsed() < TIME {
            work()?;
            count += 1;
        }
        costs.push(own_thread()?.saturating_sub(before).as_secs_f64() * 1e6 / precise(count));
    }
    costs.sort_by(f64::total_cmp);
    Ok(costs[TIMES / 2])
}

#[expect(clippy::disallowed_types, reason = "aws-lc-rs signs only with its own generator")]
fn signatures() -> Outcome<[f64; 4]> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let ed25519 = Ed25519KeyPair::generate()?;
    let mut signature = vec![0; rsa.public_modulus_len()];
    let signing = cost(|| Ok(rsa.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature)?))?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref());
    Ok([
        signing,
        cost(|| Ok(es256.sign(&random, &MESSAGE).map(drop)?))?,
        cost(|| {
            std::hint::black_box(ed25519.sign(&MESSAGE));
            Ok(())
        })?,
        cost(|| Ok(public.verify(&MESSAGE, &signature)?))?,
    ])
}

/// Computes a hash each time, in the same memory.
fn hashing() -> Outcome<impl FnMut() -> Outcome<()> + Send> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::builder()
        .memory(Memory::kib(u64::from(memory)))
        .passes(passes)
        .lanes(lanes)
        .build();
    let params = params.map_err(|error| error.to_string())?;
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    Ok(move || {
        let mut digest = [0; 32];
        let outcome = hasher.hash_into(b"correct horse", b"0123456789abcdef", &mut digest);
        Ok(outcome.map_err(|error| error.to_string())?)
    })
}

fn argon2_rate() -> Outcome<f64> {
    let (is_over, count) = (AtomicBool::new(false), AtomicU32::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| -> Outcome<()> {
        let threads = std::thread::available_parallelism()?.get();
        let work = || -> Outcome<()> {
            let mut hash = hashing()?;
            while !is_over.load(Ordering::Relaxed) {
                hash()?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        std::thread::sleep(2 * TIME);
        is_over.store(true, Ordering::Relaxed);
        working
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a thread has ended")?)
    })?;
    Ok(f64::from(count.into_inner()) / begun.elapsed().as_secs_f64())
}

/// Rows that SQLite makes durable in a second, so many with each commit.
async fn inserted(folder: &Path, of_commit: u64) -> Outcome<f64> {
    let place = folder.join(format!("rows-{of_commit}.db"));
    let options = SqliteConnectOptions::new()
        .filename(&place)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    connection
        .execute(
            "CREATE TABLE rows (id INTEGER PRIMARY KEY, hash BLOB UNIQUE NOT NULL, family INTEGER NOT NULL, client TEXT, person TEXT, scope TEXT, \
             issued_at INTEGER, expires_at INTEGER, is_used INTEGER)",
        )
        .await?;
    connection.execute("CREATE INDEX rows_family ON rows (family)").await?;
    let row = "(randomblob(32), abs(random()) % 100000, 'client', 'alice', 'openid email', 1, 2, 0)";
    let statement = format!(
        "INSERT INTO rows (hash, family, client, person, scope, issued_at, expires_at, is_used) VALUES {}",
        vec![row; usize::try_from(of_commit)?].join(", ")
    );
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < 2 * TIME {
        sqlx::query(AssertSqlSafe(statement.as_str())).execute(&mut connection).await?;
        count += of_commit;
    }
    let rate = precise(count) / begun.elapsed().as_secs_f64();
    connection.close().await?;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", place.display()));
    }
    Ok(rate)
}
