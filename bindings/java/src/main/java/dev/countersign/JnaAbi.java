package dev.countersign;

import java.nio.ByteBuffer;

import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.CallbackThreadInitializer;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * {@link Abi} over JNA's direct mapping. Every parameter is a primitive, which is JNA's shortest way: it looks at
 * no annotation and allocates nothing.
 */
final class JnaAbi implements Abi {
    // JNA holds callbacks weakly: these keep them as long as the class.
    private static final SignCallback SIGN = Callbacks::sign;
    private static final ClockCallback CLOCK = Callbacks::clock;
    private static final LogCallback LOG = Callbacks::log;
    private static final ChangeCallback CHANGE = Callbacks::change;
    private static final OpenCallback OPEN = Callbacks::open;
    private static final DestroyCallback DESTROY = Callbacks::destroy;

    JnaAbi(NativeLibrary library) {
        Native.register(JnaAbi.class, library);
    }

    /** What {@code csign_abi_version} of a library says, before anything else of it is called. */
    static int versionOf(NativeLibrary library) {
        return library.getFunction("csign_abi_version").invokeInt(new Object[0]);
    }

    @Override
    public native int csign_abi_version();

    @Override
    public native long csign_version();

    @Override
    public native int csign_settings(long outJson, long error);

    @Override
    public native int csign_config_new(long outConfig, long error);

    @Override
    public native int csign_config_load(
            long config, long path, long pathLength, long name, long nameLength, long error);

    @Override
    public native int csign_config_set_name(long config, long name, long nameLength, long error);

    @Override
    public native int csign_config_set(long config, long key, long keyLength, long value, long valueLength, long error);

    @Override
    public native int csign_config_unset(long config, long key, long keyLength, long error);

    @Override
    public native int csign_config_set_signer(
            long config,
            long algorithm,
            long algorithmLength,
            long keyId,
            long keyIdLength,
            long sign,
            long userData,
            long destroy,
            long error);

    @Override
    public native int csign_config_set_log(long config, int most, long take, long userData, long destroy, long error);

    @Override
    public native int csign_config_set_clock(long config, long read, long userData, long destroy, long error);

    @Override
    public native int csign_config_set_listener(long config, long hear, long userData, long destroy, long error);

    @Override
    public native void csign_config_free(long config);

    @Override
    public native int csign_client_new(long config, long registry, long outClient, long error);

    @Override
    public native int csign_client_token(long client, long minValidMs, long outToken, long error);

    @Override
    public native int csign_client_peek(long client, long minValidMs, long outToken, long error);

    @Override
    public native int csign_client_copy_token(
            long client, long minValidMs, long buffer, long capacity, long length, long error);

    @Override
    public native int csign_client_refresh(long client, long outToken, long error);

    @Override
    public native int csign_client_invalidate(long client, long accessToken, long accessTokenLength, long error);

    @Override
    public native int csign_client_consent_url(long client, long outUrl, long error);

    @Override
    public native int csign_client_identity(long client, long outJson, long error);

    @Override
    public native int csign_client_forget(long client, long outRevocation, long outReason, long error);

    @Override
    public native int csign_client_force_forget(long client, long outRevocation, long outReason, long error);

    @Override
    public native int csign_client_count(long client, int counter, long outCount, long error);

    @Override
    public native int csign_client_events(long client, long outJson, long error);

    @Override
    public native int csign_client_refresh_token_expires_at(long client, long outExpiresAt, long error);

    @Override
    public native int csign_client_check_saved(long client, long error);

    @Override
    public native int csign_client_drain(long client, long timeoutMs, long error);

    @Override
    public native int csign_client_start_login(
            long client, long redirectUri, long redirectUriLength, long outLogin, long error);

    @Override
    public native int csign_client_complete_login(
            long client, long login, long query, long queryLength, long outToken, long error);

    @Override
    public native int csign_client_login(
            long client, int port, long timeoutMs, long open, long userData, long outToken, long error);

    @Override
    public native void csign_client_free(long client);

    @Override
    public native long csign_login_url(long login, long length);

    @Override
    public native long csign_login_state(long login, long length);

    @Override
    public native int csign_login_save(long login, long outSaved, long error);

    @Override
    public native int csign_login_restore(long saved, long savedLength, long outLogin, long error);

    @Override
    public native void csign_login_free(long login);

    @Override
    public native long csign_token_value(long token, long length);

    @Override
    public native long csign_token_authorization(long token, long length);

    @Override
    public native long csign_token_type(long token, long length);

    @Override
    public native long csign_token_scope(long token, long length);

    @Override
    public native long csign_token_expires_at(long token);

    @Override
    public native int csign_token_source(long token);

    @Override
    public native long csign_token_extra_json(long token, long length);

    @Override
    public native void csign_token_free(long token);

    @Override
    public native int csign_error_status(long error);

    @Override
    public native int csign_error_verdict(long error);

    @Override
    public native long csign_error_kind(long error, long length);

    @Override
    public native long csign_error_message(long error, long length);

    @Override
    public native long csign_error_hint(long error, long length);

    @Override
    public native long csign_error_setting(long error, long length);

    @Override
    public native int csign_error_http_status(long error);

    @Override
    public native long csign_error_oauth_error(long error, long length);

    @Override
    public native long csign_error_oauth_description(long error, long length);

    @Override
    public native long csign_error_retry_after_ms(long error);

    @Override
    public native long csign_error_url(long error, long length);

    @Override
    public native long csign_error_trace_id(long error, long length);

    @Override
    public native long csign_error_provider(long error, long length);

    @Override
    public native long csign_error_cause(long error);

    @Override
    public native void csign_error_free(long error);

    @Override
    public native int csign_key_read(
            long data, long dataLength, long passphrase, long passphraseLength, long outKey, long error);

    @Override
    public native int csign_key_from_secret(long secret, long secretLength, long outKey, long error);

    @Override
    public native int csign_key_from_signer(
            long algorithm,
            long algorithmLength,
            long keyId,
            long keyIdLength,
            long sign,
            long userData,
            long destroy,
            long outKey,
            long error);

    @Override
    public native int csign_key_sign(
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

    @Override
    public native int csign_key_sign_bytes(
            long key,
            long algorithm,
            long algorithmLength,
            long input,
            long inputLength,
            long signature,
            long capacity,
            long length,
            long error);

    @Override
    public native int csign_key_verify(
            long key,
            long algorithm,
            long algorithmLength,
            long token,
            long tokenLength,
            long outPayload,
            long error);

    @Override
    public native int csign_key_info(long key, long outJson, long error);

    @Override
    public native void csign_key_free(long key);

    @Override
    public native int csign_registry_new(long outRegistry, long error);

    @Override
    public native int csign_registry_add_profile(long registry, long toml, long tomlLength, long error);

    @Override
    public native int csign_registry_load_plugin(
            long registry, long path, long pathLength, long sha256, long sha256Length, long error);

    @Override
    public native int csign_registry_set_log(
            long registry, int most, long take, long userData, long destroy, long error);

    @Override
    public native int csign_registry_providers(long registry, long outJson, long error);

    @Override
    public native void csign_registry_free(long registry);

    @Override
    public native long csign_text_value(long text, long length);

    @Override
    public native void csign_text_free(long text);

    @Override
    public native void csign_callback_set_cause(long cause, long destroy);

    @Override
    public long signFunction() {
        return function(SIGN);
    }

    @Override
    public long clockFunction() {
        return function(CLOCK);
    }

    @Override
    public long logFunction() {
        return function(LOG);
    }

    @Override
    public long changeFunction() {
        return function(CHANGE);
    }

    @Override
    public long openFunction() {
        return function(OPEN);
    }

    @Override
    public long destroyFunction() {
        return function(DESTROY);
    }

    @Override
    public ByteBuffer view(long address, int size) {
        return new Pointer(address).getByteBuffer(0, size);
    }

    @Override
    public long allocate(long size) {
        long address = Native.malloc(size);
        if (address == 0) {
            throw new OutOfMemoryError("no native memory for " + size + " bytes");
        }
        return address;
    }

    @Override
    public void release(long address) {
        Native.free(address);
    }

    @Override
    public byte[] read(long address, int length) {
        return new Pointer(address).getByteArray(0, length);
    }

    @Override
    public void write(long address, byte[] bytes) {
        new Pointer(address).write(0, bytes, 0, bytes.length);
    }

    @Override
    public long readLong(long address) {
        return new Pointer(address).getLong(0);
    }

    @Override
    public void writeLong(long address, long value) {
        new Pointer(address).setLong(0, value);
    }

    private static long function(Callback callback) {
        // The library's threads become daemon threads of the JVM, and stay attached until they end: attaching
        // anew at each call would cost more than the call.
        Native.setCallbackThreadInitializer(
                callback, new CallbackThreadInitializer(true, false, "countersign"));
        return Pointer.nativeValue(CallbackReference.getFunctionPointer(callback));
    }

    /** {@code csign_sign_fn}. */
    interface SignCallback extends Callback {
        int invoke(
                long userData, long input, long inputLength, long signature, long capacity, long written);
    }

    /** {@code csign_clock_fn}. */
    interface ClockCallback extends Callback {
        int invoke(long userData, long unixMs, long bootMs);
    }

    /** {@code csign_log_fn}. */
    interface LogCallback extends Callback {
        void invoke(long userData, int level, long line, long length);
    }

    /** {@code csign_change_fn}. */
    interface ChangeCallback extends Callback {
        void invoke(long userData, int change, long token);
    }

    /** {@code csign_open_fn}. */
    interface OpenCallback extends Callback {
        int invoke(long userData, long url, long urlLength);
    }

    /** {@code csign_destroy_fn}. */
    interface DestroyCallback extends Callback {
        void invoke(long userData);
    }
}
