//! Annotations: what a command carries along without the engine acting on it. They are recorded with its
//! event and shown again.
//!
//! Most commands have none, so they cost those nothing: the payload of a record is its event, and what
//! follows behind it are the annotations, each a tag and its value. A tag never changes its meaning, new
//! ones are added at the end, and they stand in ascending order, so that there is one way to write them.

use std::collections::BTreeMap;

use bincode::de::BorrowDecoder;
use bincode::de::read::Reader;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Encode};

use crate::command::AccountSelector;
use crate::iban::Iban;
use crate::money::Amount;
use crate::rate::ExchangeRate;
use crate::text::{Label, SpecificFieldName, SpecificFieldValue};
use crate::time::{Moment, Timestamp};

/// Most specific fields of one command. With the longest names and values the longest command there can
/// be still fits a record.
pub const SPECIFIC_FIELDS_MAX: usize = 20;

/// What a command carries along. A value that is absent was not given.
///
/// Of two commands under one correlation id, `origin` and `username` are not compared: the same command
/// may be tried again by another user or from another place. All others are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The system that the command comes from (source: issuer API, header `WL-Origin`).
    pub origin: Option<Label>,
    /// The user who gave it (source: issuer API, header `WL-Username`).
    pub username: Option<Label>,
    /// Fields that mean something to the issuer alone, on any operation (`specificFields`); at most
    /// [`SPECIFIC_FIELDS_MAX`].
    pub specific_fields: BTreeMap<SpecificFieldName, SpecificFieldValue>,
    /// Whether the operation is shown on the statement, on any operation (`printOnStatement`).
    pub print_on_statement: Option<bool>,
    /// Whether the operation corrects another, on any operation (`correction`).
    pub correction: Option<bool>,
    /// Where a reimbursement is paid to (`destinationIban`).
    pub destination_iban: Option<Iban>,
    /// The account that what is paid too much goes to, on a payment (`overPaymentAccountIdentifier`). It
    /// need not be one of this ledger.
    pub over_payment_account: Option<AccountSelector>,
    /// On interest.
    pub interest: InterestNotes,
    /// On a scheme transaction.
    pub transaction: TransactionNotes,
    /// Opaque reference of the card number, on a scheme transaction and on a message of the authorization
    /// system (`panReference`).
    pub pan_reference: Option<Label>,
    /// Why it is paid out, on a reimbursement (`reimbursementReason`).
    pub reimbursement_reason: Option<Label>,
}

/// What interest was computed for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterestNotes {
    /// First day (`interestStartDate`).
    pub start_date: Option<Moment>,
    /// Last day (`interestEndDate`).
    pub end_date: Option<Moment>,
    /// The condition of the contract (`interestCondition`).
    pub condition: Option<Label>,
}

/// What a scheme says about a transaction, besides [`crate::command::PostTransaction`].
///
/// Source: issuer API, "Operation", the fields of the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionNotes {
    /// Brand of the card, such as `VISA`.
    pub brand: Option<Label>,
    /// Code of the scheme, such as `VIS`.
    pub card_scheme: Option<Label>,
    /// Code of the type of card.
    pub card_type_code: Option<Label>,
    /// Acceptor's postal code.
    pub card_acceptor_zip_code: Option<Label>,
    /// The device that took the card.
    pub acquisition_material: Option<AcquisitionMaterial>,
    /// How the card was read.
    pub entry_mode: Option<EntryMode>,
    /// How the cardholder was verified.
    pub validation_mode: Option<ValidationMode>,
    /// From the transaction's currency to the reconciliation's.
    pub exchange_rate: Option<ExchangeRate>,
    /// Amount settled with the scheme, in any currency.
    pub reconciliation_amount: Option<Amount>,
    /// The scheme's code of the point of sale; may be a blank.
    pub point_of_sale_environment: Option<Label>,
    /// The scheme's code of a transaction by mail, phone or network; may be a blank.
    pub mail_phone_ecommerce_and_payment_indicator: Option<Label>,
    /// When the operation was performed.
    pub operation_date: Option<Timestamp>,
    /// The issuer's own reference of the card (`cardIdentifier.issuerCardExternalReference`).
    pub issuer_card_external_reference: Option<Label>,
    /// The part that was given out in cash, in any currency.
    pub cash_amount: Option<Amount>,
    /// What the acceptor showed in the cardholder's currency (dynamic currency conversion), in any currency.
    pub poi_amount: Option<Amount>,
    /// The tip, in any currency.
    pub gratuity_amount: Option<Amount>,
    /// What the acceptor charged on top, in any currency.
    pub surcharge_amount: Option<Amount>,
    /// When the exchange rate was taken.
    pub exchange_rate_date: Option<Timestamp>,
    /// Where the exchange rate was taken from.
    pub exchange_rate_source: Option<Label>,
    /// The acceptor's terminal.
    pub terminal_id: Option<Label>,
    /// The scheme's name of the transaction throughout its life.
    pub scheme_transaction_identifier: Option<Label>,
}

macro_rules! code_lists {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
        #[allow(missing_docs, reason = "the names are the field's own")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// Every code with its meaning.
            pub const CODES: &[(&'static str, Self)] = &[$(($code, Self::$variant),)*];

            /// The code, as the issuer API writes it.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    )*};
}

code_lists! {
    /// The device that took a card (`acquisitionMaterial`). Variant order is the disk format.
    AcquisitionMaterial {
        Atm = "ATM",
        Pos = "POS",
        VoicePhone = "VOICE_PHONE",
        Manual = "MANUAL",
        UnattendedTerminal = "UNATTENDED_TERMINAL",
        Mobile = "MOBILE",
        Internet = "INTERNET",
        Unknown = "UNKNOWN",
    }
    /// How a card was read (`entryMode`). Variant order is the disk format.
    EntryMode {
        Unknown = "UNKNOWN",
        Ocr = "OCR",
        Manual = "MANUAL",
        Magstripe = "MAGSTRIPE",
        Contactless = "CONTACTLESS",
        Chip = "CHIP",
        Barcode = "BARCODE",
    }
    /// How a cardholder was verified (`validationMode`). Variant order is the disk format.
    ValidationMode {
        Pin = "PIN",
        Signature = "SIGNATURE",
        Unknown = "UNKNOWN",
    }
}

impl Annotations {
    /// No annotations.
    pub const NONE: &Self = &Self {
        origin: None,
        username: None,
        specific_fields: BTreeMap::new(),
        print_on_statement: None,
        correction: None,
        destination_iban: None,
        over_payment_account: None,
        interest: InterestNotes {
            start_date: None,
            end_date: None,
            condition: None,
        },
        transaction: TransactionNotes {
            brand: None,
            card_scheme: None,
            card_type_code: None,
            card_acceptor_zip_code: None,
            acquisition_material: None,
            entry_mode: None,
            validation_mode: None,
            exchange_rate: None,
            reconciliation_amount: None,
            point_of_sale_environment: None,
            mail_phone_ecommerce_and_payment_indicator: None,
            operation_date: None,
            issuer_card_external_reference: None,
            cash_amount: None,
            poi_amount: None,
            gratuity_amount: None,
            surcharge_amount: None,
            exchange_rate_date: None,
            exchange_rate_source: None,
            terminal_id: None,
            scheme_transaction_identifier: None,
        },
        pan_reference: None,
        reimbursement_reason: None,
    };

    /// As a request carries them: none if nothing was given.
    #[must_use]
    pub fn carried(self) -> Option<Box<Self>> {
        (self != *Self::NONE).then(|| Box::new(self))
    }
}

/// Writes a tag and its value, if there is one.
fn put<E: Encoder, T: Encode>(
    encoder: &mut E,
    tag: u8,
    value: Option<&T>,
) -> Result<(), EncodeError> {
    match value {
        Some(value) => (tag, value).encode(encoder),
        None => Ok(()),
    }
}

impl Encode for Annotations {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        // Every field is named, so that a new one must be given its tag here.
        let Self {
            origin,
            username,
            specific_fields,
            print_on_statement,
            correction,
            destination_iban,
            over_payment_account,
            interest:
                InterestNotes {
                    start_date,
                    end_date,
                    condition,
                },
            transaction:
                TransactionNotes {
                    brand,
                    card_scheme,
                    card_type_code,
                    card_acceptor_zip_code,
                    acquisition_material,
                    entry_mode,
                    validation_mode,
                    exchange_rate,
                    reconciliation_amount,
                    point_of_sale_environment,
                    mail_phone_ecommerce_and_payment_indicator,
                    operation_date,
                    issuer_card_external_reference,
                    cash_amount,
                    poi_amount,
                    gratuity_amount,
                    surcharge_amount,
                    exchange_rate_date,
                    exchange_rate_source,
                    terminal_id,
                    scheme_transaction_identifier,
                },
            pan_reference,
            reimbursement_reason,
        } = self;
        put(encoder, 0, origin.as_ref())?;
        put(encoder, 1, username.as_ref())?;
        let specific_fields = (!specific_fields.is_empty()).then_some(specific_fields);
        put(encoder, 2, specific_fields)?;
        put(encoder, 3, print_on_statement.as_ref())?;
        put(encoder, 4, correction.as_ref())?;
        put(encoder, 5, destination_iban.as_ref())?;
        put(encoder, 6, over_payment_account.as_ref())?;
        put(encoder, 7, start_date.as_ref())?;
        put(encoder, 8, end_date.as_ref())?;
        put(encoder, 9, condition.as_ref())?;
        put(encoder, 10, brand.as_ref())?;
        put(encoder, 11, card_scheme.as_ref())?;
        put(encoder, 12, card_type_code.as_ref())?;
        put(encoder, 13, card_acceptor_zip_code.as_ref())?;
        put(encoder, 14, acquisition_material.as_ref())?;
        put(encoder, 15, entry_mode.as_ref())?;
        put(encoder, 16, validation_mode.as_ref())?;
        put(encoder, 17, exchange_rate.as_ref())?;
        put(encoder, 18, reconciliation_amount.as_ref())?;
        put(encoder, 19, point_of_sale_environment.as_ref())?;
        let indicator = mail_phone_ecommerce_and_payment_indicator.as_ref();
        put(encoder, 20, indicator)?;
        put(encoder, 21, operation_date.as_ref())?;
        put(encoder, 22, pan_reference.as_ref())?;
        put(encoder, 23, reimbursement_reason.as_ref())?;
        put(encoder, 24, issuer_card_external_reference.as_ref())?;
        put(encoder, 25, cash_amount.as_ref())?;
        put(encoder, 26, poi_amount.as_ref())?;
        put(encoder, 27, gratuity_amount.as_ref())?;
        put(encoder, 28, surcharge_amount.as_ref())?;
        put(encoder, 29, exchange_rate_date.as_ref())?;
        put(encoder, 30, exchange_rate_source.as_ref())?;
        put(encoder, 31, terminal_id.as_ref())?;
        put(encoder, 32, scheme_transaction_identifier.as_ref())
    }
}

/// Reads to the end of the bytes: annotations stand at the end of a payload.
impl<'de, C> BorrowDecode<'de, C> for Annotations {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let mut annotations = Self::default();
        let mut last: Option<u8> = None;
        while decoder.borrow_reader().peek_read(1).is_some() {
            let tag = u8::borrow_decode(decoder)?;
            if last.is_some_and(|last| last >= tag) {
                return Err(DecodeError::Other("annotations out of order"));
            }
            last = Some(tag);
            annotations.read(tag, decoder)?;
        }
        Ok(annotations)
    }
}

impl Annotations {
    fn read<'de, C, D: BorrowDecoder<'de, Context = C>>(
        &mut self,
        tag: u8,
        decoder: &mut D,
    ) -> Result<(), DecodeError> {
        fn value<'de, C, D, T>(decoder: &mut D) -> Result<Option<T>, DecodeError>
        where
            D: BorrowDecoder<'de, Context = C>,
            T: BorrowDecode<'de, C>,
        {
            T::borrow_decode(decoder).map(Some)
        }
        let Self {
            interest,
            transaction,
            ..
        } = self;
        match tag {
            0 => self.origin = value(decoder)?,
            1 => self.username = value(decoder)?,
            2 => self.specific_fields = specific_fields(Vec::borrow_decode(decoder)?)?,
            3 => self.print_on_statement = value(decoder)?,
            4 => self.correction = value(decoder)?,
            5 => self.destination_iban = value(decoder)?,
            6 => self.over_payment_account = value(decoder)?,
            7 => interest.start_date = value(decoder)?,
            8 => interest.end_date = value(decoder)?,
            9 => interest.condition = value(decoder)?,
            10 => transaction.brand = value(decoder)?,
            11 => transaction.card_scheme = value(decoder)?,
            12 => transaction.card_type_code = value(decoder)?,
            13 => transaction.card_acceptor_zip_code = value(decoder)?,
            14 => transaction.acquisition_material = value(decoder)?,
            15 => transaction.entry_mode = value(decoder)?,
            16 => transaction.validation_mode = value(decoder)?,
            17 => transaction.exchange_rate = value(decoder)?,
            18 => transaction.reconciliation_amount = value(decoder)?,
            19 => transaction.point_of_sale_environment = value(decoder)?,
            20 => transaction.mail_phone_ecommerce_and_payment_indicator = value(decoder)?,
            21 => transaction.operation_date = value(decoder)?,
            22 => self.pan_reference = value(decoder)?,
            23 => self.reimbursement_reason = value(decoder)?,
            24 => transaction.issuer_card_external_reference = value(decoder)?,
            25 => transaction.cash_amount = value(decoder)?,
            26 => transaction.poi_amount = value(decoder)?,
            27 => transaction.gratuity_amount = value(decoder)?,
            28 => transaction.surcharge_amount = value(decoder)?,
            29 => transaction.exchange_rate_date = value(decoder)?,
            30 => transaction.exchange_rate_source = value(decoder)?,
            31 => transaction.terminal_id = value(decoder)?,
            32 => transaction.scheme_transaction_identifier = value(decoder)?,
            _ => return Err(DecodeError::Other("an annotation of a later version")),
        }
        Ok(())
    }
}

/// Takes the fields if they are as this version writes them: some, by name, no name twice.
fn specific_fields(
    fields: Vec<(SpecificFieldName, SpecificFieldValue)>,
) -> Result<BTreeMap<SpecificFieldName, SpecificFieldValue>, DecodeError> {
    if fields.is_empty() || !fields.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(DecodeError::Other("specific fields out of order"));
    }
    Ok(fields.into_iter().collect())
}
