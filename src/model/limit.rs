//! Limits: which kinds of requests there are, who is counted, and where those stand who ask.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::limiter::{Key, Rate, Standing};

/// The window of every rate that can be set, in seconds.
pub const WINDOW: u16 = 60;
/// The most that can be set for a window.
pub const MOST: u32 = 10_000_000;

/// What kind of request is limited; each has rates of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Tokens: issuing and revoking them
    Token,
    /// Introspection
    Introspect,
    /// Claims about the person of a token
    Userinfo,
    /// Authorization requests
    Authorize,
    /// Passwords and codes that people type
    SignIn,
    /// Registration of clients by themselves
    Register,
    /// Pages and API of the administration
    Admin,
    /// The callback relay, and flows of agents
    Relay,
    /// The vault
    Vault,
    /// What is the same for everybody: metadata, keys, style sheets
    Metadata,
    /// Pages, and paths that do not exist
    Page,
    /// Credentials of clients that turn out wrong, besides the class of the request
    Failure,
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// A network: an IPv4 address, or the /64 of an IPv6 address
    Address,
    /// A client that has proved who it is
    Client,
    /// A person who is signed in, or whose token is shown
    Account,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 12] = [
        Self::Token,
        Self::Introspect,
        Self::Userinfo,
        Self::Authorize,
        Self::SignIn,
        Self::Register,
        Self::Admin,
        Self::Relay,
        Self::Vault,
        Self::Metadata,
        Self::Page,
        Self::Failure,
    ];

    /// The stable name: of its setting after `limit_`, and of its policy in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspect => "introspect",
            Self::Userinfo => "userinfo",
            Self::Authorize => "authorize",
            Self::SignIn => "sign_in",
            Self::Register => "register",
            Self::Admin => "admin",
            Self::Relay => "relay",
            Self::Vault => "vault",
            Self::Metadata => "metadata",
            Self::Page => "page",
            Self::Failure => "failure",
        }
    }

    /// What a minute allows unless somebody says otherwise: far more than people behind one address need, and far less than
    /// what hurts.
    #[must_use]
    pub fn usual(self) -> Rates {
        let rates = |address, client, account| Rates { address, client, account };
        match self {
            Self::Token | Self::Vault => rates(Some(1200), Some(30_000), None),
            Self::Introspect => rates(Some(1200), Some(60_000), None),
            Self::Userinfo | Self::Authorize => rates(Some(1200), None, Some(600)),
            Self::SignIn => rates(Some(600), None, None),
            Self::Register => rates(Some(300), None, None),
            Self::Admin => rates(Some(1200), None, Some(6000)),
            Self::Relay => rates(Some(6000), Some(60_000), Some(600)),
            Self::Metadata => rates(Some(6000), None, None),
            Self::Page => rates(Some(3000), None, Some(1200)),
            Self::Failure => rates(Some(300), Some(60), None),
        }
    }
}

impl By {
    /// Everybody who is counted.
    pub const ALL: [Self; 3] = [Self::Address, Self::Client, Self::Account];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Client => "client",
            Self::Account => "account",
        }
    }
}

/// How often a minute allows, of each who is counted; `None`: as often as they like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    address: Option<u32>,
    client: Option<u32>,
    account: Option<u32>,
}

impl Rates {
    /// The rate of somebody.
    #[must_use]
    pub fn of(&self, by: By) -> Option<Rate> {
        let limit = match by {
            By::Address => self.address,
            By::Client => self.client,
            By::Account => self.account,
        };
        limit.map(|limit| Rate { limit, window: WINDOW })
    }

    /// Reads `address=1200,client=6000`, or `off`. Who is not named is not limited.
    ///
    /// # Errors
    /// A sentence that says what a value of this class is.
    pub fn parse(text: &str, class: Class) -> Result<Self, String> {
        let usual = class.usual();
        let counted = By::ALL.into_iter().filter(|by| usual.of(*by).is_some());
        let names: Vec<&str> = counted.map(By::as_str).collect();
        let wrong = || {
            let example: Vec<String> = names.iter().map(|name| format!("{name}=1000")).collect();
            format!(
                "must be off, or how many requests a minute allows, from 1 to {MOST}, such as {}",
                example.join(",")
            )
        };
        if text == "off" {
            return Ok(Self::default());
        }
        let mut rates = Self::default();
        for part in text.split(',') {
            let (name, number) = part.trim().split_once('=').ok_or_else(wrong)?;
            let number = number.trim().parse::<u32>().ok().filter(|number| (1..=MOST).contains(number));
            let number = number.ok_or_else(wrong)?;
            let name = names.iter().find(|known| **known == name.trim()).ok_or_else(wrong)?;
            let rate = match *name {
                "address" => &mut rates.address,
                "client" => &mut rates.client,
                _ => &mut rates.account,
            };
            if rate.replace(number).is_some() {
                return Err(wrong());
            }
        }
        Ok(rates)
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for by in By::ALL {
            if let Some(rate) = self.of(by) {
                let comma = if is_first { "" } else { "," };
                write!(f, "{comma}{}={}", by.as_str(), rate.limit)?;
                is_first = false;
            }
        }
        if is_first { f.write_str("off") } else { Ok(()) }
    }
}

/// A network as counters know it: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

/// A larger network, which one provider gives to one customer: the /24 of an IPv4 address, or the /48 of an IPv6 address.
#[must_use]
pub fn surroundings(address: IpAddr) -> [u8; 16] {
    let mut octets = network(address);
    match address.to_canonical() {
        IpAddr::V4(_) => octets[15] = 0,
        IpAddr::V6(_) => octets[6..].fill(0),
    }
    octets
}

/// The counter of somebody for a class.
#[must_use]
pub fn key(class: Class, by: By, who: [u8; 16]) -> Key {
    Key {
        // Kinds from 256 on are not for requests.
        kind: (class as u16) << 4 | by as u16,
        who,
    }
}

/// A request that is counted: of which class, from where, and where those stand who are behind it.
#[derive(Debug)]
pub struct Counted {
    /// Its class
    pub class: Class,
    /// The network that it comes from, unless that is one without limits
    pub network: Option<[u8; 16]>,
    standings: Mutex<[Option<Standing>; By::ALL.len()]>,
}

impl Counted {
    /// A request by which nobody has been counted yet.
    #[must_use]
    pub fn new(class: Class, network: Option<[u8; 16]>) -> Self {
        Self {
            class,
            network,
            standings: Mutex::default(),
        }
    }

    /// Where somebody stands; `None` while they are not counted.
    #[must_use]
    pub fn standing(&self, by: By) -> Option<Standing> {
        self.lock()[by as usize]
    }

    /// Somebody was counted, or is not any more.
    pub fn set(&self, by: By, standing: Option<Standing>) {
        self.lock()[by as usize] = standing;
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Standing>; By::ALL.len()]> {
        // Nothing panics while it is held.
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
