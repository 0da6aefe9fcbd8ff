//! Keys: sign and verify tokens, without a provider.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use countersign_core::jws::AnyKey;
use countersign_core::{Algorithm, CallbackSigner, Error, ErrorKind, PrivateKey};
use serde_json::Value;

use crate::boundary::{buffer, bytes, call, null, object, optional, out, text};
use crate::callback::{Cause, UserData, calling_out_for_cause, csign_destroy_fn};
use crate::error::Failure;
use crate::handle::{free, handle, new};
use crate::text::Owned;
use crate::{csign_error, csign_status, csign_text};

/// Signs bytes with a key that the library never sees.
///
/// Returns 0. With any other value, the request that needs the signature fails with
/// CSIGN_STATUS_SIGNING; csign_callback_set_cause says why. May be called on any thread and
/// concurrently. Must not call the client.
///
/// @param input      the bytes to sign: the whole message, not its hash.
/// @param signature  receives the signature: as in RFC 7518, or ECDSA in DER.
/// @param capacity   the buffer's size in bytes, at least 1024.
/// @param written    receives the signature's length.
pub type csign_sign_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        input: *const u8,
        input_length: usize,
        signature: *mut u8,
        capacity: usize,
        written: *mut usize,
    ) -> i32,
>;

/// A key: private, public, a certificate, a JWK Set, or one that stays in a device.
///
/// Immutable, and safe to share among threads.
pub struct csign_key {
    _opaque: [u8; 0],
}

handle!(csign_key, Key, "key", AnyKey);

/// The maximum length of a device's signature: RSA with 8192 bits.
const LONGEST_SIGNATURE: usize = 1024;

/// Reads a key in any format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, certificate,
/// Google's or Box's JSON.
///
/// @param data        the file's bytes; copied.
/// @param passphrase  the passphrase of an encrypted key; empty for others.
/// @param out_key     receives the key; free it with csign_key_free.
///
/// Errors: CSIGN_STATUS_KEY, saying what was found and how to convert it. Contains no byte of the
/// key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_read(
    data: *const u8,
    data_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    out_key: *mut *mut csign_key,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_key)?;
        let data = bytes!(data, data_length)?;
        let passphrase = optional!(passphrase, passphrase_length)?;
        out.put(new(AnyKey::read(data, passphrase)?)?);
        Ok(())
    })
}

/// Creates a key from a shared secret, for HS256, HS384 and HS512.
///
/// @param out_key  receives the key; free it with csign_key_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_from_secret(
    secret: *const u8,
    secret_length: usize,
    out_key: *mut *mut csign_key,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_key)?;
        let secret = bytes!(secret, secret_length)?;
        out.put(new(AnyKey::from(PrivateKey::from_secret(secret)))?);
        Ok(())
    })
}

/// Creates a key that stays in a device and signs by a callback.
///
/// `destroy` is called once, even if this function fails.
///
/// @param algorithm  such as "ES256".
/// @param key_id     the `kid` of tokens; may be empty.
/// @param sign       the callback; see csign_sign_fn.
/// @param out_key    receives the key; free it with csign_key_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_from_signer(
    algorithm: *const c_char,
    algorithm_length: usize,
    key_id: *const c_char,
    key_id_length: usize,
    sign: csign_sign_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    out_key: *mut *mut csign_key,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let out = out!(out_key)?;
        let algorithm = text!(algorithm, algorithm_length)?;
        let key_id = optional!(key_id, key_id_length)?;
        let sign = sign.ok_or_else(|| null("sign"))?;
        let key_id = key_id.map(str::to_owned);
        let signer = device(algorithm.parse()?, key_id, sign, user_data, 0);
        out.put(new(AnyKey::from(signer))?);
        Ok(())
    })
}

/// Signs claims as a compact JWS (RFC 7515 section 7.1).
///
/// @param algorithm    such as "RS256"; empty for the key's default.
/// @param key_id       the header's `kid`; empty for the key's own, if it has one.
/// @param type         the header's `typ`, such as "JWT"; empty for none.
/// @param claims_json  the payload: a JSON object, signed as it is.
/// @param out_token    receives the token; free it with csign_text_free.
///
/// Errors: CSIGN_STATUS_KEY if the key can't use the algorithm; CSIGN_STATUS_SIGNING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_sign(
    key: *const csign_key,
    algorithm: *const c_char,
    algorithm_length: usize,
    key_id: *const c_char,
    key_id_length: usize,
    r#type: *const c_char,
    type_length: usize,
    claims_json: *const c_char,
    claims_json_length: usize,
    out_token: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_token)?;
        let key = object(key)?;
        let algorithm = optional!(algorithm, algorithm_length)?;
        let key_id = optional!(key_id, key_id_length)?;
        let typ = optional!(r#type, type_length)?;
        let claims = text!(claims_json, claims_json_length)?;
        let is_object = serde_json::from_str::<Value>(claims).is_ok_and(|json| json.is_object());
        if !is_object {
            return Err(Failure::misuse(
                csign_status::BAD_ARGUMENT,
                "`claims_json` is not a JSON object",
            ));
        }
        let algorithm = algorithm.map(str::parse).transpose()?;
        let token = key.sign(algorithm, key_id, typ, claims.as_bytes())?;
        out.put(Owned::into_handle(token)?);
        Ok(())
    })
}

/// Signs bytes. Returns the signature alone, in the format of RFC 7518 section 3.
///
/// @param algorithm  such as "RS256"; empty for the key's default.
/// @param signature  receives the signature.
/// @param capacity   the buffer's size in bytes; 1024 is always enough.
/// @param length     receives the signature's length, also with CSIGN_STATUS_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_sign_bytes(
    key: *const csign_key,
    algorithm: *const c_char,
    algorithm_length: usize,
    input: *const u8,
    input_length: usize,
    signature: *mut u8,
    capacity: usize,
    length: *mut usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let key = object(key)?;
        let algorithm = optional!(algorithm, algorithm_length)?;
        let input = bytes!(input, input_length)?;
        let signature = buffer!(signature, capacity, length)?;
        let algorithm = algorithm.map(str::parse).transpose()?;
        signature.fill(&key.sign_bytes(algorithm, input)?)
    })
}

/// Verifies a compact JWS and returns its payload. Doesn't check times or audience.
///
/// The algorithm is `algorithm` or the key's own, never the token's. Rejects `none`, an unknown
/// `crit`, and duplicate members (RFC 8725).
///
/// @param algorithm    such as "RS256"; empty for the key's default.
/// @param token        the token.
/// @param out_payload  receives the payload, byte for byte; free it with csign_text_free.
///
/// Errors: CSIGN_STATUS_VERIFICATION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_verify(
    key: *const csign_key,
    algorithm: *const c_char,
    algorithm_length: usize,
    token: *const c_char,
    token_length: usize,
    out_payload: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_payload)?;
        let key = object(key)?;
        let algorithm = optional!(algorithm, algorithm_length)?;
        let token = text!(token, token_length)?;
        let algorithm = algorithm.map(str::parse).transpose()?;
        out.put(Owned::into_handle(key.verify(algorithm, token)?)?);
        Ok(())
    })
}

/// Describes a key, without its secrets, as JSON: {"kind", "type", "bits", "curve", "format",
/// "spki_sha256", "jwk_thumbprint", "algorithms", "public_jwk", "certificates", ...}.
///
/// @param out_json  receives the text; free it with csign_text_free.
///
/// Errors: CSIGN_STATUS_KEY for a JWK Set and for a key in a device.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_info(
    key: *const csign_key,
    out_json: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_json)?;
        let key = object(key)?;
        let json = serde_json::to_string(&key.info()?)
            .map_err(|why| Error::new(ErrorKind::Key, why.to_string()))?;
        out.put(Owned::into_handle(json)?);
        Ok(())
    })
}

/// Wipes and frees a key. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_key_free(key: *mut csign_key) {
    free(key);
}

/// Returns a signer that calls the host's callback for this client.
pub(crate) fn device(
    algorithm: Algorithm,
    key_id: Option<String>,
    sign: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, usize, *mut usize) -> i32,
    user_data: Arc<UserData>,
    client: u64,
) -> CallbackSigner {
    CallbackSigner::new(algorithm, key_id, move |input| {
        let mut signature = vec![0; LONGEST_SIGNATURE];
        let mut written = 0;
        let (status, data) = calling_out_for_cause(client, || {
            // SAFETY: the host passed function and data together; input and buffer are ours and have
            // these lengths.
            unsafe {
                sign(
                    user_data.as_ptr(),
                    input.as_ptr(),
                    input.len(),
                    signature.as_mut_ptr(),
                    signature.len(),
                    &mut written,
                )
            }
        });
        if status != 0 {
            let message = format!("the signer callback returned {status}");
            let error = Error::new(ErrorKind::Signing, message)
                .with_hint("check the program's signer: this library doesn't have the key");
            return Err(error.with_source(Cause { status, data }).into());
        }
        if written > signature.len() {
            let message = format!("the signer callback returned a signature of {written} bytes");
            return Err(Error::new(ErrorKind::Signing, message)
                .with_hint(format!("return at most {LONGEST_SIGNATURE} bytes"))
                .into());
        }
        signature.truncate(written);
        Ok(signature)
    })
}
