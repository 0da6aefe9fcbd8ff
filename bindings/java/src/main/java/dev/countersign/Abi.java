package dev.countersign;

import java.nio.ByteBuffer;

/**
 * The functions of {@code countersign.h}, by their own names, and what is needed to call them: the only way from
 * this package to native code. Handles, pointers and {@code size_t} are {@code long}; where a pointer may be NULL
 * it is 0.
 *
 * <p>{@link JnaAbi} is the one implementation. Another one, over {@code java.lang.foreign}, can stand beside it
 * without a change elsewhere.
 */
interface Abi {
    /** The ABI that this package was made for: {@code CSIGN_ABI_VERSION}. */
    int MADE_FOR = 1;

    int csign_abi_version();

    long csign_version();

    int csign_settings(long outJson, long error);

    int csign_config_new(long outConfig, long error);

    int csign_config_load(long config, long path, long pathLength, long name, long nameLength, long error);

    int csign_config_set_name(long config, long name, long nameLength, long error);

    int csign_config_set(long config, long key, long keyLength, long value, long valueLength, long error);

    int csign_config_unset(long config, long key, long keyLength, long error);

    int csign_config_set_signer(
            long config,
            long algorithm,
            long algorithmLength,
            long keyId,
            long keyIdLength,
            long sign,
            long userData,
            long destroy,
            long error);

    int csign_config_set_log(long config, int most, long take, long userData, long destroy, long error);

    int csign_config_set_clock(long config, long read, long userData, long destroy, long error);

    int csign_config_set_listener(long config, long hear, long userData, long destroy, long error);

    void csign_config_free(long config);

    int csign_client_new(long config, long registry, long outClient, long error);

    int csign_client_token(long client, long minValidMs, long outToken, long error);

    int csign_client_peek(long client, long minValidMs, long outToken, long error);

    int csign_client_copy_token(long client, long minValidMs, long buffer, long capacity, long length, long error);

    int csign_client_refresh(long client, long outToken, long error);

    int csign_client_invalidate(long client, long accessToken, long accessTokenLength, long error);

    int csign_client_consent_url(long client, long outUrl, long error);

    int csign_client_identity(long client, long outJson, long error);

    int csign_client_forget(long client, long outRevocation, long outReason, long error);

    int csign_client_force_forget(long client, long outRevocation, long outReason, long error);

    int csign_client_count(long client, int counter, long outCount, long error);

    int csign_client_events(long client, long outJson, long error);

    int csign_client_refresh_token_expires_at(long client, long outExpiresAt, long error);

    int csign_client_check_saved(long client, long error);

    int csign_client_drain(long client, long timeoutMs, long error);

    int csign_client_start_login(
            long client, long redirectUri, long redirectUriLength, long outLogin, long error);

    int csign_client_complete_login(
            long client, long login, long query, long queryLength, long outToken, long error);

    /** {@code port} is an {@code uint16_t}: as an {@code int} it is extended with zeros. */
    int csign_client_login(
            long client, int port, long timeoutMs, long open, long userData, long outToken, long error);

    void csign_client_free(long client);

    long csign_login_url(long login, long length);

    long csign_login_state(long login, long length);

    int csign_login_save(long login, long outSaved, long error);

    int csign_login_restore(long saved, long savedLength, long outLogin, long error);

    void csign_login_free(long login);

    long csign_token_value(long token, long length);

    long csign_token_authorization(long token, long length);

    long csign_token_type(long token, long length);

    long csign_token_scope(long token, long length);

    long csign_token_expires_at(long token);

    int csign_token_source(long token);

    long csign_token_extra_json(long token, long length);

    void csign_token_free(long token);

    int csign_error_status(long error);

    int csign_error_verdict(long error);

    long csign_error_kind(long error, long length);

    long csign_error_message(long error, long length);

    long csign_error_hint(long error, long length);

    long csign_error_setting(long error, long length);

    int csign_error_http_status(long error);

    long csign_error_oauth_error(long error, long length);

    long csign_error_oauth_description(long error, long length);

    long csign_error_retry_after_ms(long error);

    long csign_error_url(long error, long length);

    long csign_error_trace_id(long error, long length);

    long csign_error_provider(long error, long length);

    long csign_error_cause(long error);

    void csign_error_free(long error);

    int csign_key_read(
            long data, long dataLength, long passphrase, long passphraseLength, long outKey, long error);

    int csign_key_from_secret(long secret, long secretLength, long outKey, long error);

    int csign_key_from_signer(
            long algorithm,
            long algorithmLength,
            long keyId,
            long keyIdLength,
            long sign,
            long userData,
            long destroy,
            long outKey,
            long error);

    int csign_key_sign(
            long key,
            long algorithm,
            long algorithmLength,
            long keyId,
            long keyIdLength,
            long type,
            long typeLength,
            long claimsJson,
            long claimsJsonLength,
            long outToken,
            long error);

    int csign_key_sign_bytes(
            long key,
            long algorithm,
            long algorithmLength,
            long input,
            long inputLength,
            long signature,
            long capacity,
            long length,
            long error);

    int csign_key_verify(
            long key,
            long algorithm,
            long algorithmLength,
            long token,
            long tokenLength,
            long outPayload,
            long error);

    int csign_key_info(long key, long outJson, long error);

    void csign_key_free(long key);

    int csign_registry_new(long outRegistry, long error);

    int csign_registry_add_profile(long registry, long toml, long tomlLength, long error);

    int csign_registry_load_plugin(
            long registry, long path, long pathLength, long sha256, long sha256Length, long error);

    int csign_registry_set_log(
            long registry, int most, long take, long userData, long destroy, long error);

    int csign_registry_providers(long registry, long outJson, long error);

    void csign_registry_free(long registry);

    long csign_text_value(long text, long length);

    void csign_text_free(long text);

    void csign_callback_set_cause(long cause, long destroy);

    /** The {@code csign_sign_fn} that calls {@link Callbacks#sign}. */
    long signFunction();

    /** The {@code csign_clock_fn} that calls {@link Callbacks#clock}. */
    long clockFunction();

    /** The {@code csign_log_fn} that calls {@link Callbacks#log}. */
    long logFunction();

    /** The {@code csign_change_fn} that calls {@link Callbacks#change}. */
    long changeFunction();

    /** The {@code csign_open_fn} that calls {@link Callbacks#open}. */
    long openFunction();

    /** The {@code csign_destroy_fn} that calls {@link Callbacks#destroy}. */
    long destroyFunction();

    /** A buffer over native memory, which it does not own. */
    ByteBuffer view(long address, int size);

    /** Memory outside of the heap, until {@link #release}. */
    long allocate(long size);

    /** Gives back what {@link #allocate} gave. */
    void release(long address);

    /** Copies bytes out of native memory. */
    byte[] read(long address, int length);

    /** Copies bytes into native memory. */
    void write(long address, byte[] bytes);

    /** Eight bytes as a number in the machine's order. */
    long readLong(long address);

    /** Writes eight bytes as a number in the machine's order. */
    void writeLong(long address, long value);
}
