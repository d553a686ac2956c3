//! Code lists that only a case record uses. What crosses a border is said in `varde_proto::vocabulary`; the names of these
//! stand in the operator schema.

use varde_proto::vocabulary::Vocabulary;

/// One code of a list, as it is stored: 1 to 9,999, 0 is never a code.
pub trait Code: Copy + Ord {
    /// Its number.
    fn number(self) -> u16;
    /// The code of a number; a number that this version does not know is kept where its list allows that.
    fn from_number(number: u16) -> Option<Self>;
    /// Whether this version knows it.
    fn is_known(self) -> bool;
}

impl<V: Vocabulary> Code for V {
    fn number(self) -> u16 {
        u16::try_from(Vocabulary::number(self)).unwrap_or_default()
    }

    fn from_number(number: u16) -> Option<Self> {
        Vocabulary::from_number(number.into())
    }

    fn is_known(self) -> bool {
        self.name().is_some()
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident { $($name:ident = $number:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $list(u16);

        #[allow(missing_docs, reason = "the names are the field's own; the operator schema explains them")]
        impl $list {
            $(pub const $name: Self = Self($number);)*
        }

        impl Code for $list {
            fn number(self) -> u16 {
                self.0
            }

            fn from_number(number: u16) -> Option<Self> {
                (1..=9999).contains(&number).then_some(Self(number))
            }

            fn is_known(self) -> bool {
                [$($number),*].contains(&self.0)
            }
        }
    )*};
}

lists! {
    /// Gender (HTCDS, `prs_Gender`). OTHER is a source's value that joins several of these.
    Gender {
        FEMININE = 1, MASCULINE = 2, TRANSGENDER_FEMININE = 3, TRANSGENDER_MASCULINE = 4, NON_CONFORMING = 5,
        OTHER = 97, UNKNOWN = 98, NOT_COLLECTED = 100,
    }
    /// State of the case file (HTCDS, `cas_Status`).
    CaseStatus {
        ACTIVE = 1, FOLLOW_UP = 2, CLOSED = 3, CLOSED_REFERRED = 4,
        OTHER = 97, UNKNOWN = 98, NOT_COLLECTED = 100,
    }
    /// How long the exploitation lasted, in the bands of CTDC.
    Duration {
        UP_TO_12_MONTHS = 1, FROM_13_TO_24_MONTHS = 2, FROM_25_TO_60_MONTHS = 3, OVER_60_MONTHS = 4,
        FROM_25_MONTHS = 5, OTHER = 97, UNKNOWN = 98, NOT_COLLECTED = 100,
    }
    /// Platform on which the child was recruited or exploited (HTCDS, `vic_RecruitmentWebsitesAndApps`).
    Platform {
        FACEBOOK = 1, INSTAGRAM = 2, WHATSAPP = 3, TELEGRAM = 4, FACEBOOK_MESSENGER = 5, VIBER = 6, SNAPCHAT = 7,
        LINE = 8, FOUR_SALE = 9, WECHAT = 10, QQ = 11, QZONE = 12, TIKTOK = 13, TWITTER = 14,
        OTHER = 97, UNKNOWN = 98, NOT_COLLECTED = 100,
    }
    /// Section of the industry of forced labour (ISIC Rev. 4): 1 for A to 21 for U.
    Industry {
        A = 1, B = 2, C = 3, D = 4, E = 5, F = 6, G = 7, H = 8, I = 9, J = 10, K = 11, L = 12, M = 13, N = 14,
        O = 15, P = 16, Q = 17, R = 18, S = 19, T = 20, U = 21,
        OTHER = 97, UNKNOWN = 98, NOT_COLLECTED = 100,
    }
}
